SELECT k, window_start, PERCENTILE(v, 0.5) AS p FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end;

-- Flink 2.3.0:
-- columns: k STRING, window_start TIMESTAMP(3) NOT NULL, p DOUBLE
-- +I[a, 2024-01-01T00:00:01, 1.0]
-- +I[b, 2024-01-01T00:00:05, 2.0]
-- +I[b, 2024-01-01T00:00:11, 6.0]
-- +I[a, 2024-01-01T00:00:08, 5.0]
-- +I[a, 2024-01-01T00:00:25, 7.0]
-- +I[null, 2024-01-01T00:00:26, null]
-- +I[b, 2024-01-01T00:00:26.500, 9.0]
