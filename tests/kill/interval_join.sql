-- Interval join: bids within ten seconds of an auction's opening, and auctions without any.
CREATE TABLE `result` (id BIGINT, bidder BIGINT, price BIGINT, bid_time TIMESTAMP(3)) WITH (${sink});

INSERT INTO `result`
SELECT A.id, B.bidder, B.price, B.`dateTime`
FROM auction AS A LEFT JOIN bid AS B
ON A.id = B.auction AND B.`dateTime` BETWEEN A.`dateTime` AND A.`dateTime` + INTERVAL '10' SECOND;
