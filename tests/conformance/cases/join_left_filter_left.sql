-- A condition on the left rows only decides what they meet, not whether they stay.
-- compare: table
SELECT o.id, c.name FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.id AND o.qty > 1;

-- Flink 2.3.0:
-- columns: id BIGINT, name STRING
-- +I[1, Ada]
-- +I[2, null]
-- +I[3, Ada]
-- +I[4, null]
-- +I[5, null]
-- +I[6, null]
-- +I[7, Ada]
-- +I[8, Cy]
-- +I[9, null]
