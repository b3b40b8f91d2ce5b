-- compare: table
SELECT o.id, o.product FROM orders AS o WHERE NOT EXISTS (SELECT 1 FROM stock AS s WHERE s.product = o.product);

-- Flink 2.3.0:
-- columns: id BIGINT, product STRING
-- +I[5, null]
-- +I[9, cup]
