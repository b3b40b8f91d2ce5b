-- compare: table
SELECT o.id, c.id AS cid, c.name FROM orders AS o FULL JOIN customers AS c ON o.customer = c.id;

-- Flink 2.3.0:
-- columns: id BIGINT, cid BIGINT, name STRING
-- +I[1, 10, Ada]
-- +I[2, null, null]
-- +I[3, 10, Ada]
-- +I[4, 12, Cy]
-- +I[5, null, null]
-- +I[6, null, null]
-- +I[7, 10, Ada]
-- +I[8, 12, Cy]
-- +I[9, null, null]
-- +I[null, 14, Di]
