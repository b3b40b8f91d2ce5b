-- compare: table
SELECT o.id, o.customer, c.name, c.city FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.id;

-- Flink 2.3.0:
-- columns: id BIGINT, customer BIGINT, name STRING, city STRING
-- +I[1, 10, Ada, Bern]
-- +I[2, 11, null, null]
-- +I[3, 10, Ada, Bern]
-- +I[4, 12, Cy, Rome]
-- +I[5, null, null, null]
-- +I[6, 11, null, null]
-- +I[7, 10, Ada, Bern]
-- +I[8, 12, Cy, Rome]
-- +I[9, 13, null, null]
