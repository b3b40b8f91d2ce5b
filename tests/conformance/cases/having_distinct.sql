SELECT product, COUNT(DISTINCT customer) AS n FROM orders GROUP BY product HAVING COUNT(DISTINCT customer) > 1;

-- Flink 2.3.0:
-- columns: product STRING, n BIGINT NOT NULL
-- +U[pen, 2]
-- -U[pen, 2]
-- +U[pen, 3]
-- +U[ink, 2]
