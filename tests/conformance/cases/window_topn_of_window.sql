SELECT window_start, window_end, channel, n FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC, channel) AS rn FROM (
        SELECT window_start, window_end, channel, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND)) GROUP BY window_start, window_end, channel))
    WHERE rn <= 1;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, channel STRING, n BIGINT NOT NULL
-- +I[2024-01-01T00:00, 2024-01-01T00:00:20, web, 3]
-- +I[2024-01-01T00:00:20, 2024-01-01T00:00:40, web, 4]
-- +I[2024-01-01T00:00:40, 2024-01-01T00:01, web, 1]
