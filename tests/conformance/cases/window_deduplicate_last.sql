SELECT window_start, auction, bidder, price FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, auction ORDER BY ts DESC) AS rn
    FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND))) WHERE rn = 1;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, auction BIGINT, bidder STRING, price INT
-- +I[2024-01-01T00:00, 1, b1, 110]
-- +I[2024-01-01T00:00, 2, b1, 900]
-- +I[2024-01-01T00:00, 3, b2, 40]
-- +I[2024-01-01T00:00:20, 1, b3, 130]
-- +I[2024-01-01T00:00:20, 9, b4, 5]
-- +I[2024-01-01T00:00:20, 5, b3, 60]
-- +I[2024-01-01T00:00:20, 3, b1, 45]
-- +I[2024-01-01T00:00:20, null, b1, 7]
-- +I[2024-01-01T00:00:40, 5, b2, 75]
