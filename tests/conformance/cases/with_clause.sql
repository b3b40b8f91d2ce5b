WITH big AS (SELECT * FROM orders WHERE qty > 1), totals AS (SELECT product, SUM(qty) AS s FROM big GROUP BY product)
SELECT product, s FROM totals WHERE s > 2;

-- Flink 2.3.0:
-- columns: product STRING, s INT
-- +I[pad, 5]
-- +I[null, 7]
-- +U[pen, 4]
-- -U[pen, 4]
-- +U[pen, 6]
-- +I[ink, 3]
