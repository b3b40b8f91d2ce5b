SELECT window_start, bidder, price, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC, ts, bidder) AS rn
    FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND))) WHERE rn <= 2;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, bidder STRING, price INT, rn BIGINT NOT NULL
-- +I[2024-01-01T00:00, b3, 900, 1]
-- +I[2024-01-01T00:00, b1, 900, 2]
-- +I[2024-01-01T00:00:20, b3, 130, 1]
-- +I[2024-01-01T00:00:20, b3, 60, 2]
-- +I[2024-01-01T00:00:40, b2, 75, 1]
