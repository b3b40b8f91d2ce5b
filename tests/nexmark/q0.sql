-- Pass through: what it costs to move a bid.
CREATE TABLE `result` (
  auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` TIMESTAMP(3), extra STRING
) WITH (${sink});

INSERT INTO `result`
SELECT auction, bidder, price, `dateTime`, extra
FROM bid;
