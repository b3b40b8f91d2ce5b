SELECT product, ARRAY_AGG(qty) AS q FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, q ARRAY<INT>
-- +I[pen, [2]]
-- +I[ink, [1]]
-- +I[pad, [5]]
-- -U[pen, [2]]
-- +U[pen, [2, null]]
-- +I[null, [7]]
-- -U[pen, [2, null]]
-- +U[pen, [2, null, 2]]
-- -U[pen, [2, null, 2]]
-- +U[pen, [2, null, 2, 2]]
-- -U[ink, [1]]
-- +U[ink, [1, 3]]
-- +I[cup, [-1]]
