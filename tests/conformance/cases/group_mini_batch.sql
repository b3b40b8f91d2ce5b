SELECT product, SUM(qty) AS s, MAX(price) AS m FROM orders GROUP BY product HAVING SUM(qty) > 1;

-- Flink 2.3.0:
-- columns: product STRING, s INT, m DECIMAL(10, 2)
-- +I[pen, 2, 1.50]
-- +I[pad, 5, 3.25]
-- +I[null, 7, null]
-- -U[pen, 2, 1.50]
-- +U[pen, 4, 1.75]
-- -U[pen, 4, 1.75]
-- +U[pen, 6, 1.75]
-- +U[ink, 4, 8.00]
