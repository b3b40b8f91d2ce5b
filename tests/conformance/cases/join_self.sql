-- compare: table
SELECT a.id, b.id AS other FROM orders AS a JOIN orders AS b ON a.product = b.product AND a.id < b.id;

-- Flink 2.3.0:
-- columns: id BIGINT, other BIGINT
-- +I[1, 4]
-- +I[1, 6]
-- +I[1, 7]
-- +I[2, 8]
-- +I[4, 6]
-- +I[4, 7]
-- +I[6, 7]
