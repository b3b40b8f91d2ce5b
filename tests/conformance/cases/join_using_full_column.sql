-- compare: table
SELECT id, p.id AS a, e.id AS b FROM (SELECT amount, id FROM payments WHERE id < 5) AS p FULL JOIN (SELECT x, id FROM events WHERE id > 2) AS e USING (id);

-- Flink 2.3.0:
-- columns: id BIGINT, a BIGINT, b BIGINT
-- +I[1, 1, null]
-- +I[2, 2, null]
-- +I[3, 3, 3]
-- +I[4, 4, 4]
-- +I[5, null, 5]
-- +I[6, null, 6]
-- +I[7, null, 7]
-- +I[8, null, 8]
-- +I[9, null, 9]
