SELECT a.item, b.auction, b.bidder, b.price FROM auctions AS a RIGHT JOIN (SELECT * FROM bids WHERE COALESCE(price, 10) <> 10) AS b
    ON a.id = b.auction AND b.ts >= a.opened AND b.ts < a.opened + INTERVAL '8' SECOND;

-- Flink 2.3.0:
-- columns: item STRING, auction BIGINT, bidder STRING, price INT
-- +I[lamp, 1, b1, 100]
-- +I[lamp, 1, b2, 120]
-- +I[sofa, 2, b1, 900]
-- +I[sofa, 2, b3, 900]
-- +I[desk, 3, b2, 40]
-- +I[null, 1, b1, 110]
-- +I[null, 1, b3, 130]
-- +I[null, 9, b4, 5]
-- +I[null, null, b1, 7]
-- +I[rug, 5, b3, 60]
-- +I[null, 3, b1, 45]
-- +I[null, 3, b1, 45]
-- +I[null, 5, b2, 75]
