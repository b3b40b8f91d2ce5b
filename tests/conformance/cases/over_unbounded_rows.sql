-- ROWS UNBOUNDED PRECEDING: each row its own result, and 9 is dropped.
SELECT id, k, COUNT(*) OVER w AS n, SUM(amount) OVER w AS total
FROM payments
WINDOW w AS (PARTITION BY k ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, n BIGINT NOT NULL, total DECIMAL(38, 2)
-- +I[1, a, 1, 10.00]
-- +I[2, a, 2, 30.00]
-- +I[3, b, 1, 5.25]
-- +I[6, a, 3, 31.00]
-- +I[4, a, 4, 61.00]
-- +I[5, a, 5, 101.00]
-- +I[7, a, 6, 108.00]
-- +I[8, a, 7, 116.00]
-- +I[10, a, 8, 216.00]
