-- A NULL on the right: NOT IN is never true.
-- compare: table
SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM orders);

-- Flink 2.3.0:
-- columns: id BIGINT NOT NULL
