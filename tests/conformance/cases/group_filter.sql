SELECT product, COUNT(*) FILTER (WHERE qty > 1) AS big, SUM(qty) FILTER (WHERE customer = 10) AS s,
    COUNT(DISTINCT customer) FILTER (WHERE price > 1.5) AS c FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, big BIGINT NOT NULL, s INT, c BIGINT NOT NULL
-- +I[pen, 1, 2, 0]
-- +I[ink, 0, null, 1]
-- +I[pad, 1, 5, 1]
-- +I[null, 1, null, 0]
-- -U[pen, 1, 2, 0]
-- +U[pen, 2, 2, 1]
-- -U[pen, 2, 2, 1]
-- +U[pen, 3, 4, 1]
-- -U[ink, 0, null, 1]
-- +U[ink, 1, null, 2]
-- +I[cup, 0, null, 1]
