SELECT DISTINCT product FROM orders ORDER BY product LIMIT 2;

-- Flink 2.3.0:
-- columns: product STRING
-- +I[pen]
-- +I[ink]
-- -D[pen]
-- +I[pad]
-- -D[pad]
-- +I[null]
-- -D[ink]
-- +I[cup]
