SELECT auction, bidder, price, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bids) WHERE rn <= 2;

-- Flink 2.3.0:
-- columns: auction BIGINT, bidder STRING, price INT, rn BIGINT NOT NULL
-- +I[1, b1, 100, 1]
-- -U[1, b1, 100, 1]
-- +U[1, b2, 120, 1]
-- +I[1, b1, 100, 2]
-- +I[2, b1, 900, 1]
-- +I[2, b3, 900, 2]
-- -U[1, b1, 100, 2]
-- +U[1, b1, 110, 2]
-- +I[3, b2, 40, 1]
-- -U[1, b2, 120, 1]
-- +U[1, b3, 130, 1]
-- -U[1, b1, 110, 2]
-- +U[1, b2, 120, 2]
-- +I[9, b4, 5, 1]
-- +I[null, b1, 7, 1]
-- -U[3, b2, 40, 1]
-- +U[3, b1, 45, 1]
-- +I[3, b2, 40, 2]
-- -U[3, b2, 40, 2]
-- +U[3, b1, 45, 2]
-- +I[5, b3, 60, 1]
-- -U[5, b3, 60, 1]
-- +U[5, b2, 75, 1]
-- +I[5, b3, 60, 2]
