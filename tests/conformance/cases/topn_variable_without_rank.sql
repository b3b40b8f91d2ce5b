SELECT auction, bidder, price FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM (SELECT auction, bidder, price, MOD(price, 3) AS n FROM bids)) WHERE rn <= n;

-- Flink 2.3.0:
-- columns: auction BIGINT, bidder STRING, price INT
-- +I[1, b1, 100]
-- -D[1, b1, 100]
-- +I[1, b2, 120]
-- +I[3, b2, 40]
-- -D[1, b2, 120]
-- +I[1, b3, 130]
-- +I[9, b4, 5]
-- +I[null, b1, 7]
-- -D[3, b2, 40]
-- +I[3, b1, 45]
