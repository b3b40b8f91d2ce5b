SELECT bidder, COUNT(*) AS wins FROM (
    SELECT auction, bidder, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, ts, bidder) AS rn FROM bids) WHERE rn = 1 GROUP BY bidder;

-- Flink 2.3.0:
-- columns: bidder STRING, wins BIGINT NOT NULL
-- +I[b1, 1]
-- +I[b2, 1]
-- -U[b1, 1]
-- +U[b1, 2]
-- +I[b3, 1]
-- -U[b2, 1]
-- +U[b2, 2]
-- -U[b3, 1]
-- +U[b3, 2]
-- +I[b4, 1]
-- -U[b1, 2]
-- +U[b1, 3]
-- -U[b1, 3]
-- +U[b1, 4]
-- -U[b3, 2]
-- +U[b3, 3]
-- -U[b2, 2]
-- +U[b2, 3]
