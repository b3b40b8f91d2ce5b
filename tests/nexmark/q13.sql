-- Bounded side input join: bids with a text from a file.
CREATE TABLE side_input (
  key BIGINT, `value` STRING
) WITH (
  'connector' = 'filesystem',
  'path' = '${side_input}',
  'format' = 'csv'
);

CREATE TABLE `result` (
  auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` TIMESTAMP(3), `value` STRING
) WITH (${sink});

INSERT INTO `result`
SELECT B.auction, B.bidder, B.price, B.`dateTime`, S.`value`
FROM (SELECT *, PROCTIME() AS p_time FROM bid) AS B
JOIN side_input FOR SYSTEM_TIME AS OF B.p_time AS S ON MOD(B.auction, 10000) = S.key;
