CREATE TEMPORARY VIEW on_time AS SELECT * FROM bids WHERE COALESCE(price, 10) <> 10;
SELECT a.id, b.bidder, b.price, a.window_start, b.window_end AS e FROM
    (SELECT * FROM TABLE(TUMBLE(TABLE auctions, DESCRIPTOR(opened), INTERVAL '10' SECOND))) AS a JOIN
    (SELECT * FROM TABLE(TUMBLE(TABLE on_time, DESCRIPTOR(ts), INTERVAL '10' SECOND))) AS b
    ON a.window_start = b.window_start AND a.window_end = b.window_end AND a.id = b.auction;

-- Flink 2.3.0:
-- columns: id BIGINT, bidder STRING, price INT, window_start TIMESTAMP(3) NOT NULL, e TIMESTAMP(3) NOT NULL
-- +I[1, b1, 100, 2024-01-01T00:00, 2024-01-01T00:00:10]
-- +I[1, b2, 120, 2024-01-01T00:00, 2024-01-01T00:00:10]
-- +I[1, b1, 110, 2024-01-01T00:00, 2024-01-01T00:00:10]
-- +I[2, b1, 900, 2024-01-01T00:00, 2024-01-01T00:00:10]
-- +I[2, b3, 900, 2024-01-01T00:00, 2024-01-01T00:00:10]
-- +I[3, b2, 40, 2024-01-01T00:00:10, 2024-01-01T00:00:20]
-- +I[5, b3, 60, 2024-01-01T00:00:30, 2024-01-01T00:00:40]
