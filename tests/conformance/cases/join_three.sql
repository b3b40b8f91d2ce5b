-- compare: table
SELECT o.id, c.name, s.warehouse, s.qty FROM orders AS o JOIN customers AS c ON o.customer = c.id LEFT JOIN stock AS s ON o.product = s.product;

-- Flink 2.3.0:
-- columns: id BIGINT, name STRING, warehouse STRING, qty INT
-- +I[1, Ada, e, 3]
-- +I[1, Ada, n, 3]
-- +I[1, Ada, s, 12]
-- +I[3, Ada, n, 6]
-- +I[4, Cy, e, 3]
-- +I[4, Cy, n, 3]
-- +I[4, Cy, s, 12]
-- +I[7, Ada, e, 3]
-- +I[7, Ada, n, 3]
-- +I[7, Ada, s, 12]
-- +I[8, Cy, s, 7]
