SELECT id, product FROM orders LIMIT 3;

-- Flink 2.3.0:
-- columns: id BIGINT, product STRING
-- +I[1, pen]
-- +I[2, ink]
-- +I[3, pad]
