-- compare: table
SELECT id, id > ANY (SELECT v FROM events) AS c FROM payments;

-- Flink 2.3.0:
-- columns: id BIGINT, c BOOLEAN
-- +I[1, null]
-- +I[10, true]
-- +I[2, true]
-- +I[3, true]
-- +I[4, true]
-- +I[5, true]
-- +I[6, true]
-- +I[7, true]
-- +I[8, true]
-- +I[9, true]
