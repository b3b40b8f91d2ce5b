-- Pairs with a NULL do not count.
SELECT COUNT(DISTINCT product, customer) AS pairs FROM orders;

-- Flink 2.3.0:
-- error: We now only support the count of one field.
