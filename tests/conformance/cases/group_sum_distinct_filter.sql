SELECT product, SUM(DISTINCT qty) FILTER (WHERE qty > 1) AS s, AVG(DISTINCT price) AS a, COUNT(DISTINCT customer) AS n FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, s INT, a DECIMAL(38, 6), n BIGINT NOT NULL
-- +I[pen, 2, 1.500000, 1]
-- +I[ink, null, 8.000000, 1]
-- +I[pad, 5, 3.250000, 1]
-- -U[pen, 2, 1.500000, 1]
-- +U[pen, 2, 1.500000, 2]
-- +I[null, 7, null, 0]
-- -U[pen, 2, 1.500000, 2]
-- +U[pen, 2, 1.625000, 3]
-- -U[ink, null, 8.000000, 1]
-- +U[ink, 3, 8.000000, 2]
-- +I[cup, null, 12.400000, 1]
