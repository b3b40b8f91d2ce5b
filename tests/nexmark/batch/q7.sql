SELECT B.auction, B.bidder, B.price, B.dateTime, B.extra
FROM bid AS B
JOIN (
  SELECT MAX(price) AS maxprice, time_bucket(INTERVAL '10 seconds', dateTime) + INTERVAL '10 seconds' AS ends
  FROM bid
  GROUP BY ends
) AS B1 ON B.price = B1.maxprice
WHERE B.dateTime BETWEEN B1.ends - INTERVAL '10 seconds' AND B1.ends
