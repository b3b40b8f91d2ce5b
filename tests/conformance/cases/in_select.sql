-- compare: table
SELECT id, id IN (SELECT v FROM events) AS f FROM payments;

-- Flink 2.3.0:
-- columns: id BIGINT, f BOOLEAN
-- +I[1, true]
-- +I[10, null]
-- +I[2, true]
-- +I[3, null]
-- +I[4, true]
-- +I[5, true]
-- +I[6, true]
-- +I[7, true]
-- +I[8, null]
-- +I[9, true]
