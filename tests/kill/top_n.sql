-- Top-N over a count that grows: the five busiest bidders of each channel.
CREATE TABLE `result` (channel STRING, bidder BIGINT, bids BIGINT, place BIGINT) WITH (${sink});

INSERT INTO `result`
SELECT channel, bidder, bids, place
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY channel ORDER BY bids DESC, bidder) AS place
  FROM (SELECT channel, bidder, COUNT(*) AS bids FROM bid GROUP BY channel, bidder)
)
WHERE place <= 5;
