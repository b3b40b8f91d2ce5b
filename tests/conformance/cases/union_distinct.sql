-- compare: table
SELECT product FROM orders UNION SELECT product FROM stock;

-- Flink 2.3.0:
-- columns: product STRING
-- +I[cup]
-- +I[ink]
-- +I[null]
-- +I[pad]
-- +I[pen]
