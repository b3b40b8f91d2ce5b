-- An offset moves the windows.
SELECT window_start, window_end, COUNT(*) AS n, SUM(v) AS sv
FROM TABLE(TUMBLE(DATA => TABLE events, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '10' SECOND, `OFFSET` => INTERVAL '3' SECOND))
GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, sv INT
-- +I[2023-12-31T23:59:53, 2024-01-01T00:00:03, 1, 1]
-- +I[2024-01-01T00:00:03, 2024-01-01T00:00:13, 5, 117]
-- +I[2024-01-01T00:00:23, 2024-01-01T00:00:33, 3, 16]
