SELECT window_start, ARRAY_AGG(id ORDER BY v DESC) AS l FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, l ARRAY<BIGINT>
-- +I[2024-01-01T00:00, [1, 2, 3]]
-- +I[2024-01-01T00:00:10, [4, 6]]
-- +I[2024-01-01T00:00:20, [7, 8, 9]]
