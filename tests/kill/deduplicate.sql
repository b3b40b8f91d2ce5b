-- Deduplication, then groups over it: how many auctions has each bidder led at the end?
CREATE TABLE `result` (bidder BIGINT, leads BIGINT, total BIGINT) WITH (${sink});

INSERT INTO `result`
SELECT bidder, COUNT(*), SUM(price)
FROM (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY auction ORDER BY price DESC, `dateTime`, bidder, url
  ) AS place
  FROM bid
)
WHERE place = 1
GROUP BY bidder;
