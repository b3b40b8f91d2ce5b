SELECT k, window_start, LISTAGG(CAST(id AS STRING)) AS l FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end;

-- Flink 2.3.0:
-- columns: k STRING, window_start TIMESTAMP(3) NOT NULL, l STRING
-- +I[a, 2024-01-01T00:00:01, 1]
-- +I[b, 2024-01-01T00:00:05, 2]
-- +I[b, 2024-01-01T00:00:11, 6]
-- +I[a, 2024-01-01T00:00:08, 3,4,5]
-- +I[a, 2024-01-01T00:00:25, 7]
-- +I[null, 2024-01-01T00:00:26, 8]
-- +I[b, 2024-01-01T00:00:26.500, 9]
