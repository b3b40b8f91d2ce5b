-- compare: table
SELECT product FROM orders EXCEPT SELECT product FROM stock;

-- Flink 2.3.0:
-- columns: product STRING
-- +I[cup]
