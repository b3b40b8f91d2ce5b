-- compare: table
SELECT * FROM (SELECT id FROM payments WHERE id < 3) NATURAL JOIN (SELECT v FROM events WHERE v < 3);

-- Flink 2.3.0:
-- columns: id BIGINT, v INT
-- +I[1, 1]
-- +I[1, 2]
-- +I[2, 1]
-- +I[2, 2]
