SELECT window_start, ARRAY_AGG(id) AS l FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, l ARRAY<BIGINT>
-- +I[2023-12-31T23:59:55, [1]]
-- +I[2024-01-01T00:00, [2, 3, 1]]
-- +I[2024-01-01T00:00:05, [4, 6, 2, 3, 5]]
-- +I[2024-01-01T00:00:10, [4, 6]]
-- +I[2024-01-01T00:00:20, [7, 8, 9]]
-- +I[2024-01-01T00:00:25, [7, 8, 9]]
