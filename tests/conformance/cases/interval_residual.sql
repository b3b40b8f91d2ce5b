SELECT a.id, b.bidder, b.price FROM auctions AS a JOIN (SELECT * FROM bids WHERE COALESCE(price, 10) <> 10) AS b
    ON a.id = b.auction AND b.ts BETWEEN a.opened AND a.opened + INTERVAL '10' SECOND AND b.price > 100 AND a.seller <> b.bidder;

-- Flink 2.3.0:
-- columns: id BIGINT, bidder STRING, price INT
-- +I[1, b2, 120]
-- +I[2, b1, 900]
-- +I[2, b3, 900]
-- +I[1, b1, 110]
