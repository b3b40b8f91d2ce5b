-- compare: table
SELECT id FROM payments WHERE id < ALL (SELECT v FROM events);

-- Flink 2.3.0:
-- columns: id BIGINT
