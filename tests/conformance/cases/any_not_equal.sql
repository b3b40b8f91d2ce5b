-- compare: table
SELECT id FROM payments WHERE id <> ANY (SELECT v FROM events WHERE v = 4);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[10]
-- +I[1]
-- +I[2]
-- +I[3]
-- +I[5]
-- +I[6]
-- +I[7]
-- +I[8]
-- +I[9]
