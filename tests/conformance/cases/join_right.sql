-- compare: table
SELECT o.id, c.id AS cid, c.name FROM orders AS o RIGHT JOIN customers AS c ON o.customer = c.id;

-- Flink 2.3.0:
-- columns: id BIGINT, cid BIGINT NOT NULL, name STRING
-- +I[1, 10, Ada]
-- +I[3, 10, Ada]
-- +I[4, 12, Cy]
-- +I[7, 10, Ada]
-- +I[8, 12, Cy]
-- +I[null, 14, Di]
