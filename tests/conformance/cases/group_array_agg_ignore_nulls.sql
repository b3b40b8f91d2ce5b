SELECT product, ARRAY_AGG(qty IGNORE NULLS) AS q, ARRAY_AGG(DISTINCT customer) AS c FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, q ARRAY<INT>, c ARRAY<BIGINT>
-- +I[pen, [2], [10]]
-- +I[ink, [1], [11]]
-- +I[pad, [5], [10]]
-- -U[pen, [2], [10]]
-- +U[pen, [2], [10, 12]]
-- +I[null, [7], [null]]
-- -U[pen, [2], [10, 12]]
-- +U[pen, [2, 2], [10, 12, 11]]
-- -U[pen, [2, 2], [10, 12, 11]]
-- +U[pen, [2, 2, 2], [10, 12, 11]]
-- -U[ink, [1], [11]]
-- +U[ink, [1, 3], [11, 12]]
-- +I[cup, [-1], [13]]
