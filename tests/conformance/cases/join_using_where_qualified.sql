-- compare: table
SELECT id FROM (SELECT id, amount FROM payments) AS p JOIN (SELECT id, v FROM events) AS e USING (id) WHERE p.id > 8;

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[9]
