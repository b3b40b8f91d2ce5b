-- compare: table
SELECT product, qty FROM orders UNION ALL SELECT product, qty FROM stock;

-- Flink 2.3.0:
-- columns: product STRING, qty INT
-- +I[cup, -1]
-- +I[ink, 1]
-- +I[ink, 3]
-- +I[ink, 7]
-- +I[null, 2]
-- +I[null, 7]
-- +I[pad, 5]
-- +I[pad, 6]
-- +I[pen, 12]
-- +I[pen, 2]
-- +I[pen, 2]
-- +I[pen, 2]
-- +I[pen, 3]
-- +I[pen, 3]
-- +I[pen, null]
