-- compare: table
SELECT id, product FROM orders WHERE customer IN (SELECT id FROM customers);

-- Flink 2.3.0:
-- columns: id BIGINT, product STRING
-- +I[1, pen]
-- +I[3, pad]
-- +I[4, pen]
-- +I[7, pen]
-- +I[8, ink]
