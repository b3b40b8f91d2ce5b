-- compare: table
SELECT * FROM (SELECT id, k FROM payments) NATURAL JOIN (SELECT v, id FROM events) NATURAL JOIN (SELECT v, i, id FROM (SELECT id, i, i AS v FROM gaps));

-- Flink 2.3.0:
-- columns: id BIGINT, v INT, k STRING, i INT
-- +I[1, 1, a, 1]
-- +I[2, 2, a, 2]
