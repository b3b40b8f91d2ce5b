-- Average selling price by seller, of the last ten auctions.
--
-- The benchmark's query averages with OVER (… ROWS BETWEEN 10 PRECEDING …) over winning bids, which
-- change: Flink refuses that (FLINK-19059). Here the last ten are kept by a Top-N and averaged by a
-- GROUP BY, which both engines run.
CREATE TABLE `result` (seller BIGINT, avg_price BIGINT) WITH (${sink});

INSERT INTO `result`
SELECT seller, AVG(price)
FROM (
  SELECT
    seller, price,
    ROW_NUMBER() OVER (PARTITION BY seller ORDER BY `dateTime` DESC) AS place
  FROM (
    SELECT
      A.id, A.seller, B.price, B.`dateTime`,
      ROW_NUMBER() OVER (PARTITION BY A.id, A.seller ORDER BY B.price DESC) AS rownum
    FROM auction AS A, bid AS B
    WHERE A.id = B.auction AND B.`dateTime` BETWEEN A.`dateTime` AND A.expires
  ) AS Q
  WHERE rownum <= 1
) AS last_ten
WHERE place <= 10
GROUP BY seller;
