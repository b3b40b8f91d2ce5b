-- compare: table
SELECT id FROM payments WHERE id > ANY (SELECT v FROM events WHERE v > 1000);

-- Flink 2.3.0:
-- columns: id BIGINT
