SELECT product, FIRST_VALUE(DISTINCT customer) AS f, LAST_VALUE(customer) FILTER (WHERE qty > 1) AS l FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, f BIGINT, l BIGINT
-- +I[pen, 10, 10]
-- +I[ink, 11, null]
-- +I[pad, 10, 10]
-- +I[null, null, null]
-- -U[pen, 10, 10]
-- +U[pen, 10, 11]
-- -U[pen, 10, 11]
-- +U[pen, 10, 10]
-- -U[ink, 11, null]
-- +U[ink, 11, 12]
-- +I[cup, 13, null]
