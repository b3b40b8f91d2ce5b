-- compare: table
SELECT id FROM payments WHERE id = ALL (SELECT v FROM events WHERE v = 4);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[4]
