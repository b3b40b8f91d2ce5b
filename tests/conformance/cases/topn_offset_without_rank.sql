SELECT auction, bidder, price FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC, ts, bidder) AS rn FROM bids) WHERE rn > 1 AND rn <= 3;

-- Flink 2.3.0:
-- columns: auction BIGINT, bidder STRING, price INT
-- +I[1, b1, 100]
-- +I[2, b1, 900]
-- -U[1, b1, 100]
-- +U[1, b1, 110]
-- +I[1, b1, 100]
-- -U[1, b1, 110]
-- +U[1, b2, 120]
-- -U[1, b1, 100]
-- +U[1, b1, 110]
-- +I[2, b2, null]
-- +I[3, b2, 40]
-- -U[3, b2, 40]
-- +U[3, b1, 45]
-- +I[3, b2, 40]
-- +I[5, b3, 60]
