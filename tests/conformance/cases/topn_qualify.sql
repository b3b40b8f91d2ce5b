SELECT auction, bidder, price FROM bids QUALIFY ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, ts, bidder) = 1;

-- Flink 2.3.0:
-- columns: auction BIGINT, bidder STRING, price INT
-- +I[1, b1, 100]
-- +U[1, b2, 120]
-- +I[2, b1, 900]
-- +U[2, b3, 900]
-- +I[3, b2, 40]
-- +U[1, b3, 130]
-- +I[9, b4, 5]
-- +I[null, b1, 7]
-- +U[3, b1, 45]
-- +I[5, b3, 60]
-- +U[5, b2, 75]
