SELECT auction, bidder, price FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY PROCTIME()) AS rn FROM bids) WHERE rn = 1;

-- Flink 2.3.0:
-- columns: auction BIGINT, bidder STRING, price INT
-- +I[1, b1, 100]
-- +I[2, b1, 900]
-- +I[3, b2, 40]
-- +I[9, b4, 5]
-- +I[null, b1, 7]
-- +I[5, b3, 60]
