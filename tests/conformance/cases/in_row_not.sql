-- compare: table
SELECT id FROM payments WHERE (id, k) NOT IN (SELECT v, k FROM events);

-- Flink 2.3.0:
-- columns: id BIGINT
