-- compare: table
SELECT id, z FROM (SELECT id AS z FROM gaps WHERE id = 1) AS g, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e USING (id);

-- Flink 2.3.0:
-- columns: id BIGINT, z BIGINT
-- +I[1, 1]
-- +I[2, 1]
-- +I[3, 1]
