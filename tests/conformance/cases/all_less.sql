-- compare: table
SELECT id FROM payments WHERE id < ALL (SELECT v FROM events WHERE v > 3);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
-- +I[2]
-- +I[3]
