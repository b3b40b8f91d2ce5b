-- LAG does not skip NULLs.
SELECT id, k, LAG(p) OVER w AS one_back, LAG(p, 2) OVER w AS two_back, SUM(p) OVER w AS total
FROM gaps
WINDOW w AS (PARTITION BY k ORDER BY ts);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, one_back DECIMAL(10, 2), two_back DECIMAL(10, 2), total DECIMAL(38, 2)
-- +I[2, a, null, null, 20.00]
-- +I[1, a, 20.00, null, 30.00]
-- +I[3, null, null, null, null]
-- +I[4, a, 10.00, 20.00, 60.00]
-- +I[8, null, null, null, 5.00]
-- +I[9, a, 30.00, 10.00, 71.00]
-- +I[10, a, 11.00, 30.00, 83.00]
-- +I[11, a, 12.00, 11.00, 83.00]
-- +I[12, a, 13.00, null, 96.00]
-- +I[13, a, 13.00, null, 96.00]
-- +I[14, a, null, 13.00, 110.00]
