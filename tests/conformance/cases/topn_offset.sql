SELECT auction, bidder, price, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, ts, bidder) AS rn FROM bids) WHERE rn BETWEEN 2 AND 3;

-- Flink 2.3.0:
-- columns: auction BIGINT, bidder STRING, price INT, rn BIGINT NOT NULL
-- +I[1, b1, 100, 2]
-- +I[2, b1, 900, 2]
-- -U[1, b1, 100, 2]
-- +U[1, b1, 110, 2]
-- +I[1, b1, 100, 3]
-- -U[1, b1, 110, 2]
-- +U[1, b2, 120, 2]
-- -U[1, b1, 100, 3]
-- +U[1, b1, 110, 3]
-- +I[2, b2, null, 3]
-- +I[3, b2, 40, 2]
-- -U[3, b2, 40, 2]
-- +U[3, b1, 45, 2]
-- +I[3, b2, 40, 3]
-- +I[5, b3, 60, 2]
