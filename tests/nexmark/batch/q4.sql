-- Flink's AVG of integers is an integer.
SELECT category AS id, CAST(SUM(final) // COUNT(*) AS BIGINT) AS final
FROM (
  SELECT MAX(B.price) AS final, A.category
  FROM auction AS A JOIN bid AS B ON A.id = B.auction
  WHERE B.dateTime BETWEEN A.dateTime AND A.expires
  GROUP BY A.id, A.category
)
GROUP BY category
