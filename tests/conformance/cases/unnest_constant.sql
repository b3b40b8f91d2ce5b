-- compare: table
SELECT id, e FROM orders CROSS JOIN UNNEST(ARRAY[1, 2]) AS u (e) WHERE id < 3;

-- Flink 2.3.0:
-- columns: id BIGINT, e INT NOT NULL
-- +I[1, 1]
-- +I[1, 2]
-- +I[2, 1]
-- +I[2, 2]
