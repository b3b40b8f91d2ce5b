SELECT a.id, a.item, b.bidder, b.price FROM auctions AS a JOIN (SELECT * FROM bids WHERE COALESCE(price, 10) <> 10) AS b
    ON a.id = b.auction AND b.ts BETWEEN a.opened AND a.opened + INTERVAL '10' SECOND;

-- Flink 2.3.0:
-- columns: id BIGINT, item STRING, bidder STRING, price INT
-- +I[1, lamp, b1, 100]
-- +I[1, lamp, b2, 120]
-- +I[2, sofa, b1, 900]
-- +I[2, sofa, b3, 900]
-- +I[1, lamp, b1, 110]
-- +I[3, desk, b2, 40]
-- +I[5, rug, b3, 60]
