-- compare: table
SELECT c.id, d.id AS other FROM customers AS c JOIN customers AS d ON c.id < d.id;

-- Flink 2.3.0:
-- columns: id BIGINT NOT NULL, other BIGINT NOT NULL
-- +I[10, 12]
-- +I[10, 14]
-- +I[12, 14]
