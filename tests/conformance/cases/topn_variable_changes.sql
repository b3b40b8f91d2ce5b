SELECT auction, bidder, price, n, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM (SELECT auction, bidder, price, MOD(price, 3) AS n FROM bids)) WHERE rn <= n;

-- Flink 2.3.0:
-- columns: auction BIGINT, bidder STRING, price INT, n INT, rn BIGINT NOT NULL
-- +I[1, b1, 100, 1, 1]
-- -U[1, b1, 100, 1, 1]
-- +U[1, b2, 120, 0, 1]
-- +I[3, b2, 40, 1, 1]
-- -U[1, b2, 120, 0, 1]
-- +U[1, b3, 130, 1, 1]
-- +I[9, b4, 5, 2, 1]
-- +I[null, b1, 7, 1, 1]
-- -U[3, b2, 40, 1, 1]
-- +U[3, b1, 45, 0, 1]
