-- compare: table
SELECT * FROM (SELECT id, k FROM payments) NATURAL JOIN (SELECT id, v FROM events);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, v INT
-- +I[1, a, 1]
-- +I[2, a, 2]
-- +I[3, b, 4]
-- +I[4, a, 5]
-- +I[5, a, 100]
-- +I[6, a, 6]
-- +I[7, a, 7]
-- +I[8, a, null]
-- +I[9, b, 9]
