SELECT bidder, price, rn FROM (
    SELECT *, ROW_NUMBER() OVER (ORDER BY price DESC, ts) AS rn FROM bids) WHERE rn <= 3;

-- Flink 2.3.0:
-- columns: bidder STRING, price INT, rn BIGINT NOT NULL
-- +I[b1, 100, 1]
-- -U[b1, 100, 1]
-- +U[b2, 120, 1]
-- +I[b1, 100, 2]
-- -U[b2, 120, 1]
-- +U[b1, 900, 1]
-- -U[b1, 100, 2]
-- +U[b2, 120, 2]
-- +I[b1, 100, 3]
-- -U[b1, 900, 1]
-- +U[b3, 900, 1]
-- -U[b2, 120, 2]
-- +U[b1, 900, 2]
-- -U[b1, 100, 3]
-- +U[b2, 120, 3]
-- -U[b2, 120, 3]
-- +U[b3, 130, 3]
