-- OVER: each bid against the bids of the ten seconds before it.
CREATE TABLE `result` (
  auction BIGINT, bidder BIGINT, price BIGINT, bid_time TIMESTAMP(3), bids BIGINT, mean BIGINT
) WITH (${sink});

INSERT INTO `result`
SELECT auction, bidder, price, `dateTime`, COUNT(*) OVER w, AVG(price) OVER w
FROM bid
WINDOW w AS (
  PARTITION BY auction ORDER BY `dateTime`
  RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
);
