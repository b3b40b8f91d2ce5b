-- Outer join of a stream with a changing count: what is taken back must be taken back once.
CREATE TABLE `result` (id BIGINT, itemName STRING, bids BIGINT) WITH (${sink});

INSERT INTO `result`
SELECT A.id, A.itemName, C.bids
FROM auction AS A
LEFT JOIN (SELECT auction, COUNT(*) AS bids FROM bid GROUP BY auction HAVING COUNT(*) > 3) AS C
ON A.id = C.auction;
