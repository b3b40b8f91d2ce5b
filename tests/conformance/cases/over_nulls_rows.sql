-- FIRST_VALUE and LAST_VALUE take what is not NULL.
SELECT id, k, SUM(x) OVER w AS sx, MIN(x) OVER w AS least, MAX(i) OVER w AS most,
    FIRST_VALUE(p) OVER w AS first_p, LAST_VALUE(p) OVER w AS last_p
FROM gaps
WINDOW w AS (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, sx DOUBLE, least DOUBLE, most INT, first_p DECIMAL(10, 2), last_p DECIMAL(10, 2)
-- +I[2, a, 0.2, 0.2, 2, 20.00, 20.00]
-- +I[1, a, 0.30000000000000004, 0.1, 2, 20.00, 10.00]
-- +I[3, null, 0.3, 0.3, null, null, null]
-- +I[5, c, null, null, 8, 40.00, 40.00]
-- +I[6, d, 0.5, 0.5, 8, 41.00, 41.00]
-- +I[7, d, 1.1, 0.5, 9, 41.00, 42.00]
-- +I[4, a, 1.0E16, 0.1, 7, 20.00, 30.00]
-- +I[8, null, 1.0, 0.3, 10, 5.00, 5.00]
-- +I[9, a, 1.0E16, 0.1, 11, 10.00, 11.00]
-- +I[10, a, 1.0E16, 0.3, 12, 30.00, 12.00]
-- +I[11, a, 0.0, 0.3, 12, 11.00, 12.00]
-- +I[12, a, 0.2, 0.4, 13, 12.00, 13.00]
-- +I[13, a, -0.2, 0.5, 13, 13.00, 13.00]
-- +I[14, a, 0.39999999999999997, 0.5, 13, 13.00, 14.00]
