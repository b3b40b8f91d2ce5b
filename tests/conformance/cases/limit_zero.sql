SELECT id FROM payments LIMIT 0;

-- Flink 2.3.0:
-- columns: id BIGINT
