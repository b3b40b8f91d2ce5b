SELECT k, window_start, ARRAY_AGG(id) AS a, LISTAGG(CAST(id AS STRING)) AS l FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;

-- Flink 2.3.0:
-- columns: k STRING, window_start TIMESTAMP(3) NOT NULL, a ARRAY<BIGINT>, l STRING
-- +I[a, 2023-12-31T23:59:55, [1], 1]
-- +I[a, 2024-01-01T00:00, [3, 1], 3,1]
-- +I[b, 2024-01-01T00:00, [2], 2]
-- +I[a, 2024-01-01T00:00:05, [4, 3, 5], 4,3,5]
-- +I[b, 2024-01-01T00:00:05, [6, 2], 6,2]
-- +I[a, 2024-01-01T00:00:10, [4], 4]
-- +I[b, 2024-01-01T00:00:10, [6], 6]
-- +I[a, 2024-01-01T00:00:20, [7], 7]
-- +I[b, 2024-01-01T00:00:20, [9], 9]
-- +I[null, 2024-01-01T00:00:20, [8], 8]
-- +I[b, 2024-01-01T00:00:25, [9], 9]
-- +I[null, 2024-01-01T00:00:25, [8], 8]
-- +I[a, 2024-01-01T00:00:25, [7], 7]
