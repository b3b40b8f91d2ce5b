SELECT window_start, t, COUNT(*) AS n FROM (SELECT window_start, window_end, t FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '5' SECOND)) CROSS JOIN UNNEST(tags) AS u (t)) GROUP BY window_start, window_end, t;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, t STRING, n BIGINT NOT NULL
-- +I[2024-01-01T00:00, red, 1]
-- +I[2024-01-01T00:00, fine, 1]
-- +I[2024-01-01T00:00, blue, 1]
-- +I[2024-01-01T00:00:05, red, 3]
-- +I[2024-01-01T00:00:05, null, 1]
-- +I[2024-01-01T00:00:20, blue, 1]
-- +I[2024-01-01T00:00:20, red, 1]
-- +I[2024-01-01T00:00:30, new, 1]
