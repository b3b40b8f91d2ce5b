-- compare: table
SELECT id, CASE WHEN id > ANY (SELECT v FROM events) THEN 'x' ELSE 'y' END AS c FROM payments;

-- Flink 2.3.0:
-- columns: id BIGINT, c CHAR(1) NOT NULL
-- +I[1, y]
-- +I[10, x]
-- +I[2, x]
-- +I[3, x]
-- +I[4, x]
-- +I[5, x]
-- +I[6, x]
-- +I[7, x]
-- +I[8, x]
-- +I[9, x]
