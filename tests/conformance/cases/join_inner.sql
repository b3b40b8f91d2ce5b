-- compare: table
SELECT o.id, c.name, c.city FROM orders AS o JOIN customers AS c ON o.customer = c.id;

-- Flink 2.3.0:
-- columns: id BIGINT, name STRING, city STRING
-- +I[1, Ada, Bern]
-- +I[3, Ada, Bern]
-- +I[4, Cy, Rome]
-- +I[7, Ada, Bern]
-- +I[8, Cy, Rome]
