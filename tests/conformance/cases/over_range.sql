-- A RANGE frame holds its boundary; rows of one moment are peers; 9 is late for the watermark but not for its key.
SELECT id, k, ts, COUNT(*) OVER w AS n, SUM(amount) OVER w AS total, AVG(amount) OVER w AS mean,
    MIN(amount) OVER w AS least, MAX(amount) OVER w AS most
FROM payments
WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, ts TIMESTAMP(3) *ROWTIME*, n BIGINT NOT NULL, total DECIMAL(38, 2), mean DECIMAL(38, 6), least DECIMAL(10, 2), most DECIMAL(10, 2)
-- +I[1, a, 2024-01-01T00:00, 1, 10.00, 10.000000, 10.00, 10.00]
-- +I[2, a, 2024-01-01T00:00:30, 2, 30.00, 15.000000, 10.00, 20.00]
-- +I[3, b, 2024-01-01T00:00:31.500, 1, 5.25, 5.250000, 5.25, 5.25]
-- +I[6, a, 2024-01-01T00:00:59, 3, 31.00, 10.333333, 1.00, 20.00]
-- +I[4, a, 2024-01-01T00:01, 5, 101.00, 20.200000, 1.00, 40.00]
-- +I[5, a, 2024-01-01T00:01, 5, 101.00, 20.200000, 1.00, 40.00]
-- +I[7, a, 2024-01-01T00:01:30, 5, 98.00, 19.600000, 1.00, 40.00]
-- +I[9, b, 2024-01-01T00:01:31.500, 2, 15.24, 7.620000, 5.25, 9.99]
-- +I[8, a, 2024-01-01T00:02:00.500, 2, 15.00, 7.500000, 7.00, 8.00]
-- +I[10, a, 2024-01-01T01:00, 1, 100.00, 100.000000, 100.00, 100.00]
