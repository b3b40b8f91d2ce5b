-- compare: table
SELECT id, CASE WHEN id IN (SELECT v FROM events) THEN 'y' ELSE 'n' END AS f FROM payments;

-- Flink 2.3.0:
-- columns: id BIGINT, f CHAR(1) NOT NULL
-- +I[1, y]
-- +I[10, n]
-- +I[2, y]
-- +I[3, n]
-- +I[4, y]
-- +I[5, y]
-- +I[6, y]
-- +I[7, y]
-- +I[8, n]
-- +I[9, y]
