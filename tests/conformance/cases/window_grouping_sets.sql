SELECT window_start, channel, bidder, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND))
    GROUP BY window_start, window_end, GROUPING SETS ((channel, bidder), (channel), ());

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, channel STRING, bidder STRING, n BIGINT NOT NULL
-- +I[2024-01-01T00:00, web, b1, 2]
-- +I[2024-01-01T00:00, web, null, 3]
-- +I[2024-01-01T00:00, app, b2, 2]
-- +I[2024-01-01T00:00, null, null, 1]
-- +I[2024-01-01T00:00, app, null, 2]
-- +I[2024-01-01T00:00, null, b1, 1]
-- +I[2024-01-01T00:00, web, b3, 1]
-- +I[2024-01-01T00:00, null, null, 6]
-- +I[2024-01-01T00:00:20, web, null, 4]
-- +I[2024-01-01T00:00:20, null, null, 6]
-- +I[2024-01-01T00:00:20, app, b4, 1]
-- +I[2024-01-01T00:00:20, app, null, 2]
-- +I[2024-01-01T00:00:20, app, b3, 1]
-- +I[2024-01-01T00:00:20, web, b1, 3]
-- +I[2024-01-01T00:00:20, web, b3, 1]
-- +I[2024-01-01T00:00:40, null, null, 1]
-- +I[2024-01-01T00:00:40, web, null, 1]
-- +I[2024-01-01T00:00:40, web, b2, 1]
