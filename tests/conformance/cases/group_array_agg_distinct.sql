SELECT product, ARRAY_AGG(DISTINCT customer) AS l FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, l ARRAY<BIGINT>
-- +I[pen, [10]]
-- +I[ink, [11]]
-- +I[pad, [10]]
-- -U[pen, [10]]
-- +U[pen, [10, 12]]
-- +I[null, [null]]
-- -U[pen, [10, 12]]
-- +U[pen, [10, 12, 11]]
-- -U[ink, [11]]
-- +U[ink, [11, 12]]
-- +I[cup, [13]]
