-- A step without new rows says again what the window holds.
SELECT window_start, window_end, k, COUNT(*) AS n, SUM(v) AS sv
FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
GROUP BY window_start, window_end, k;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, k STRING, n BIGINT NOT NULL, sv INT
-- +I[2024-01-01T00:00, 2024-01-01T00:00:05, a, 1, 1]
-- +I[2024-01-01T00:00, 2024-01-01T00:00:10, a, 2, 5]
-- +I[2024-01-01T00:00, 2024-01-01T00:00:10, b, 1, 2]
-- +I[2024-01-01T00:00:10, 2024-01-01T00:00:15, a, 1, 5]
-- +I[2024-01-01T00:00:10, 2024-01-01T00:00:15, b, 1, 6]
-- +I[2024-01-01T00:00:10, 2024-01-01T00:00:20, a, 1, 5]
-- +I[2024-01-01T00:00:10, 2024-01-01T00:00:20, b, 1, 6]
-- +I[2024-01-01T00:00:20, 2024-01-01T00:00:30, a, 1, 7]
-- +I[2024-01-01T00:00:20, 2024-01-01T00:00:30, b, 1, 9]
-- +I[2024-01-01T00:00:20, 2024-01-01T00:00:30, null, 1, null]
