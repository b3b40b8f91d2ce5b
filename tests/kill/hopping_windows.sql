-- Hopping windows with distinct counts.
CREATE TABLE `result` (
  auction BIGINT, starttime TIMESTAMP(3), bids BIGINT, bidders BIGINT, highest BIGINT
) WITH (${sink});

INSERT INTO `result`
SELECT auction, window_start, COUNT(*), COUNT(DISTINCT bidder), MAX(price)
FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND))
GROUP BY auction, window_start, window_end;
