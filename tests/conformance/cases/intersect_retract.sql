-- compare: table
SELECT product FROM stock INTERSECT SELECT product FROM orders;

-- Flink 2.3.0:
-- columns: product STRING
-- +I[ink]
-- +I[null]
-- +I[pad]
-- +I[pen]
