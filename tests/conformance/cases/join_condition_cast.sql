-- compare: table
SELECT p.id, e.v FROM payments p JOIN events e ON p.id = e.v;

-- Flink 2.3.0:
-- columns: id BIGINT, v INT
-- +I[1, 1]
-- +I[2, 2]
-- +I[4, 4]
-- +I[5, 5]
-- +I[6, 6]
-- +I[7, 7]
-- +I[9, 9]
