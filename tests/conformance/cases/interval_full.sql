SELECT a.id, b.auction, b.price FROM auctions AS a FULL JOIN (SELECT * FROM bids WHERE COALESCE(price, 10) <> 10) AS b
    ON a.id = b.auction AND b.ts BETWEEN a.opened - INTERVAL '1' SECOND AND a.opened + INTERVAL '6' SECOND;

-- Flink 2.3.0:
-- columns: id BIGINT, auction BIGINT, price INT
-- +I[1, 1, 100]
-- +I[1, 1, 120]
-- +I[2, 2, 900]
-- +I[2, 2, 900]
-- +I[3, 3, 40]
-- +I[null, 1, 110]
-- +I[null, 1, 130]
-- +I[null, 9, 5]
-- +I[null, null, 7]
-- +I[4, null, null]
-- +I[5, null, null]
-- +I[null, 5, 60]
-- +I[null, 3, 45]
-- +I[null, 3, 45]
-- +I[null, 5, 75]
