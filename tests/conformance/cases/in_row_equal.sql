SELECT id FROM payments WHERE (id, k) = (4, 'a');

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[4]
