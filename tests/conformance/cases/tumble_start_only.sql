-- Without window_end it is no window aggregate but an unbounded one.
SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL
-- +I[2024-01-01T00:00, 1]
-- -U[2024-01-01T00:00, 1]
-- +U[2024-01-01T00:00, 2]
-- -U[2024-01-01T00:00, 2]
-- +U[2024-01-01T00:00, 3]
-- +I[2024-01-01T00:00:10, 1]
-- -U[2024-01-01T00:00, 3]
-- +U[2024-01-01T00:00, 4]
-- -U[2024-01-01T00:00:10, 1]
-- +U[2024-01-01T00:00:10, 2]
-- +I[2024-01-01T00:00:20, 1]
-- -U[2024-01-01T00:00:20, 1]
-- +U[2024-01-01T00:00:20, 2]
-- -U[2024-01-01T00:00:20, 2]
-- +U[2024-01-01T00:00:20, 3]
