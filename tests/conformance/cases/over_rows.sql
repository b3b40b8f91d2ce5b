-- A ROWS frame is each row's own, peers or not.
SELECT id, k, COUNT(*) OVER w AS n, SUM(amount) OVER w AS total, AVG(amount) OVER w AS mean
FROM payments
WINDOW w AS (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, n BIGINT NOT NULL, total DECIMAL(38, 2), mean DECIMAL(38, 6)
-- +I[1, a, 1, 10.00, 10.000000]
-- +I[2, a, 2, 30.00, 15.000000]
-- +I[3, b, 1, 5.25, 5.250000]
-- +I[6, a, 3, 31.00, 10.333333]
-- +I[4, a, 3, 51.00, 17.000000]
-- +I[5, a, 3, 71.00, 23.666667]
-- +I[7, a, 3, 77.00, 25.666667]
-- +I[9, b, 2, 15.24, 7.620000]
-- +I[8, a, 3, 55.00, 18.333333]
-- +I[10, a, 3, 115.00, 38.333333]
