-- compare: table
SELECT product, qty FROM orders EXCEPT ALL SELECT product, qty FROM stock;

-- Flink 2.3.0:
-- columns: product STRING, qty INT
-- +I[cup, -1]
-- +I[ink, 1]
-- +I[ink, 3]
-- +I[null, 7]
-- +I[pad, 5]
-- +I[pen, 2]
-- +I[pen, 2]
-- +I[pen, 2]
-- +I[pen, null]
