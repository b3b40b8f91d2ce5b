-- window_time is a rowtime again.
CREATE TEMPORARY VIEW small AS
SELECT window_time AS t, k, SUM(v) AS sv
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND))
GROUP BY window_start, window_end, window_time, k;

SELECT window_start, window_end, COUNT(*) AS n, SUM(sv) AS sv
FROM TABLE(TUMBLE(TABLE small, DESCRIPTOR(t), INTERVAL '20' SECOND))
GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, sv INT
-- +I[2024-01-01T00:00, 2024-01-01T00:00:20, 5, 18]
-- +I[2024-01-01T00:00:20, 2024-01-01T00:00:40, 3, 16]
