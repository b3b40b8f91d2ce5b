-- compare: table
SELECT g.id AS a, p.id AS b, e.id AS c FROM (SELECT id FROM gaps WHERE id < 3) AS g, (SELECT id FROM payments WHERE id < 3) AS p RIGHT JOIN (SELECT id FROM events WHERE id < 5) AS e ON p.id = e.id;

-- Flink 2.3.0:
-- columns: a BIGINT, b BIGINT, c BIGINT
-- +I[1, 1, 1]
-- +I[1, 2, 2]
-- +I[2, 1, 1]
-- +I[2, 2, 2]
-- +I[null, null, 3]
-- +I[null, null, 4]
