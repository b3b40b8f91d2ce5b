-- compare: table
SELECT product FROM orders INTERSECT ALL SELECT product FROM stock;

-- Flink 2.3.0:
-- columns: product STRING
-- +I[ink]
-- +I[null]
-- +I[pad]
-- +I[pen]
-- +I[pen]
-- +I[pen]
