-- Log to a file system: all bids, in folders by day and minute when ${sink} is one of files.
--
-- The reference also commits partitions by time, which says when a folder is complete and changes
-- no row.
CREATE TABLE `result` (
  auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` TIMESTAMP(3), extra STRING,
  dt STRING, hm STRING
) PARTITIONED BY (dt, hm) WITH (${sink});

INSERT INTO `result`
SELECT
  auction, bidder, price, `dateTime`, extra,
  DATE_FORMAT(`dateTime`, 'yyyy-MM-dd'), DATE_FORMAT(`dateTime`, 'HH:mm')
FROM bid;
