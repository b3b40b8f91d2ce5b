CREATE TEMPORARY VIEW on_time AS SELECT * FROM bids WHERE COALESCE(price, 10) <> 10;
SELECT a.id, b.bidder, b.price FROM
    (SELECT * FROM TABLE(TUMBLE(TABLE auctions, DESCRIPTOR(opened), INTERVAL '10' SECOND))) AS a LEFT JOIN
    (SELECT * FROM TABLE(TUMBLE(TABLE on_time, DESCRIPTOR(ts), INTERVAL '10' SECOND))) AS b
    ON a.window_start = b.window_start AND a.window_end = b.window_end AND a.id = b.auction;

-- Flink 2.3.0:
-- columns: id BIGINT, bidder STRING, price INT
-- +I[1, b1, 100]
-- +I[1, b2, 120]
-- +I[1, b1, 110]
-- +I[2, b1, 900]
-- +I[2, b3, 900]
-- +I[3, b2, 40]
-- +I[4, null, null]
-- +I[5, b3, 60]
