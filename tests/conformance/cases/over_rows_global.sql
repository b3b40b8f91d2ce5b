-- Without PARTITION BY there is one key.
SELECT id, COUNT(*) OVER w AS n, SUM(amount) OVER w AS total
FROM payments
WINDOW w AS (ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, n BIGINT NOT NULL, total DECIMAL(38, 2)
-- +I[1, 1, 10.00]
-- +I[2, 2, 30.00]
-- +I[3, 3, 35.25]
-- +I[6, 3, 26.25]
-- +I[4, 3, 36.25]
-- +I[5, 3, 71.00]
-- +I[7, 3, 77.00]
-- +I[9, 3, 56.99]
-- +I[8, 3, 24.99]
-- +I[10, 3, 117.99]
