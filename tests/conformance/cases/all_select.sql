-- compare: table
SELECT id, id >= ALL (SELECT v FROM events WHERE v IS NOT NULL) AS c FROM payments;

-- Flink 2.3.0:
-- columns: id BIGINT, c BOOLEAN
-- +I[1, false]
-- +I[10, false]
-- +I[2, false]
-- +I[3, false]
-- +I[4, false]
-- +I[5, false]
-- +I[6, false]
-- +I[7, false]
-- +I[8, false]
-- +I[9, false]
