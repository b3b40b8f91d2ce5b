SELECT window_start, COUNT(DISTINCT bidder) AS b, COUNT(DISTINCT channel) AS c, SUM(DISTINCT price) AS s FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, b BIGINT NOT NULL, c BIGINT NOT NULL, s INT
-- +I[2024-01-01T00:00, 3, 2, 1270]
-- +I[2024-01-01T00:00:20, 3, 2, 247]
-- +I[2024-01-01T00:00:40, 1, 1, 75]
