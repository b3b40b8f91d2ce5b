-- compare: table
SELECT o.id, c.name FROM orders AS o, customers AS c WHERE o.customer = c.id AND c.city = 'Rome';

-- Flink 2.3.0:
-- columns: id BIGINT, name STRING
-- +I[4, Cy]
-- +I[8, Cy]
