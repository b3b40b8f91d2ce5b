-- A group may leave and enter again.
SELECT product, SUM(qty) AS s FROM stock GROUP BY product HAVING SUM(qty) > 10;

-- Flink 2.3.0:
-- columns: product STRING, s INT
-- +U[pen, 14]
-- -U[pen, 14]
-- +U[pen, 15]
-- -U[pen, 15]
-- +U[pen, 18]
-- -U[pen, 18]
-- +U[pen, 15]
-- -U[pen, 15]
-- +U[pen, 18]
