-- A running total of windows.
CREATE TEMPORARY VIEW small AS
SELECT window_start, window_time, SUM(amount) AS total
FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, window_time;

SELECT window_start, total, SUM(total) OVER (ORDER BY window_time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS to_date
FROM small;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, total DECIMAL(38, 2), to_date DECIMAL(38, 2)
-- +I[2024-01-01T00:00, 36.25, 36.25]
-- +I[2024-01-01T00:01, 86.99, 123.24]
-- +I[2024-01-01T00:02, 8.00, 131.24]
-- +I[2024-01-01T01:00, 100.00, 231.24]
