SELECT auction, bidder, price, r FROM (
    SELECT *, RANK() OVER (PARTITION BY auction ORDER BY price DESC) AS r FROM bids) WHERE r <= 2;

-- Flink 2.3.0:
-- error: RANK() on streaming table is not supported currently
