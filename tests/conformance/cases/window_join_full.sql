CREATE TEMPORARY VIEW on_time AS SELECT * FROM bids WHERE COALESCE(price, 10) <> 10;
SELECT a.id, b.auction, b.price FROM
    (SELECT * FROM TABLE(TUMBLE(TABLE auctions, DESCRIPTOR(opened), INTERVAL '10' SECOND))) AS a FULL JOIN
    (SELECT * FROM TABLE(TUMBLE(TABLE on_time, DESCRIPTOR(ts), INTERVAL '10' SECOND))) AS b
    ON a.window_start = b.window_start AND a.window_end = b.window_end AND a.id = b.auction;

-- Flink 2.3.0:
-- columns: id BIGINT, auction BIGINT, price INT
-- +I[1, 1, 100]
-- +I[1, 1, 120]
-- +I[1, 1, 110]
-- +I[2, 2, 900]
-- +I[2, 2, 900]
-- +I[3, 3, 40]
-- +I[null, 1, 130]
-- +I[null, 9, 5]
-- +I[null, null, 7]
-- +I[4, null, null]
-- +I[null, 3, 45]
-- +I[null, 3, 45]
-- +I[5, 5, 60]
-- +I[null, 5, 75]
