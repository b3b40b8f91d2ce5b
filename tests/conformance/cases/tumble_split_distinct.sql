SET 'table.optimizer.distinct-agg.split.enabled' = 'true';
SELECT window_start, COUNT(DISTINCT k) AS n, SUM(v) AS s FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, s INT
-- +I[2024-01-01T00:00, 2, 7]
-- +I[2024-01-01T00:00:10, 2, 11]
-- +I[2024-01-01T00:00:20, 2, 16]
