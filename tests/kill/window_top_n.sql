-- Window Top-N: the three dearest bids of each ten seconds.
CREATE TABLE `result` (
  starttime TIMESTAMP(3), auction BIGINT, bidder BIGINT, price BIGINT, place BIGINT
) WITH (${sink});

INSERT INTO `result`
SELECT window_start, auction, bidder, price, place
FROM (
  SELECT *, ROW_NUMBER() OVER (
    PARTITION BY window_start, window_end ORDER BY price DESC, auction, bidder, `dateTime`, url
  ) AS place
  FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
)
WHERE place <= 3;
