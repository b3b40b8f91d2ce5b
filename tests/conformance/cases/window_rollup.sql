SELECT window_start, channel, SUM(price) AS s, GROUPING_ID(channel) AS g FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND))
    GROUP BY window_start, window_end, ROLLUP (channel);

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, channel STRING, s INT, g BIGINT NOT NULL
-- +I[2024-01-01T00:00, web, 1900, 0]
-- +I[2024-01-01T00:00, null, 2170, 1]
-- +I[2024-01-01T00:00, null, 110, 0]
-- +I[2024-01-01T00:00, app, 160, 0]
-- +I[2024-01-01T00:00:20, null, 292, 1]
-- +I[2024-01-01T00:00:20, web, 227, 0]
-- +I[2024-01-01T00:00:20, app, 65, 0]
-- +I[2024-01-01T00:00:40, web, 75, 0]
-- +I[2024-01-01T00:00:40, null, 75, 1]
