-- compare: table
SELECT product FROM stock UNION SELECT product FROM orders;

-- Flink 2.3.0:
-- columns: product STRING
-- +I[cup]
-- +I[ink]
-- +I[null]
-- +I[pad]
-- +I[pen]
