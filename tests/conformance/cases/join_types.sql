-- A BIGINT meets an INT.
-- compare: table
SELECT b.bidder, s.product FROM bids AS b JOIN stock AS s ON b.auction = s.qty;

-- Flink 2.3.0:
-- columns: bidder STRING, product STRING
-- +I[b1, null]
-- +I[b1, pen]
-- +I[b1, pen]
-- +I[b1, pen]
-- +I[b1, pen]
-- +I[b2, null]
-- +I[b2, pen]
-- +I[b2, pen]
-- +I[b3, null]
