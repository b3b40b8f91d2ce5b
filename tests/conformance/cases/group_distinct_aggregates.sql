SELECT product, COUNT(DISTINCT customer) AS c, SUM(DISTINCT qty) AS s, COUNT(DISTINCT qty) AS q, COUNT(*) AS n FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, c BIGINT NOT NULL, s INT, q BIGINT NOT NULL, n BIGINT NOT NULL
-- +I[pen, 1, 2, 1, 1]
-- +I[ink, 1, 1, 1, 1]
-- +I[pad, 1, 5, 1, 1]
-- -U[pen, 1, 2, 1, 1]
-- +U[pen, 2, 2, 1, 2]
-- +I[null, 0, 7, 1, 1]
-- -U[pen, 2, 2, 1, 2]
-- +U[pen, 3, 2, 1, 3]
-- -U[pen, 3, 2, 1, 3]
-- +U[pen, 3, 2, 1, 4]
-- -U[ink, 1, 1, 1, 1]
-- +U[ink, 2, 4, 2, 2]
-- +I[cup, 1, -1, 1, 1]
