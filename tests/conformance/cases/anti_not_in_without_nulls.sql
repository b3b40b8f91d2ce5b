-- compare: table
SELECT id, product FROM orders WHERE customer NOT IN (SELECT id FROM customers);

-- Flink 2.3.0:
-- columns: id BIGINT, product STRING
-- +I[2, ink]
-- +I[6, pen]
-- +I[9, cup]
