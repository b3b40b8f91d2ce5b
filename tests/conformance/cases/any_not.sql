-- compare: table
SELECT id FROM payments WHERE NOT (id > ANY (SELECT v FROM events WHERE v > 3));

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
-- +I[2]
-- +I[3]
-- +I[4]
