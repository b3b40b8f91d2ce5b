-- compare: table
SELECT id FROM payments WHERE id NOT IN (SELECT v FROM events WHERE v IS NOT NULL) OR amount > 50;

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[10]
-- +I[3]
-- +I[8]
