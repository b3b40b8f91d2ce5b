-- compare: table
SELECT id, COUNT(*) AS c FROM (SELECT id, amount FROM payments) AS p JOIN (SELECT id, v FROM events) AS e USING (id) GROUP BY id;

-- Flink 2.3.0:
-- columns: id BIGINT, c BIGINT NOT NULL
-- +I[1, 1]
-- +I[2, 1]
-- +I[3, 1]
-- +I[4, 1]
-- +I[5, 1]
-- +I[6, 1]
-- +I[7, 1]
-- +I[8, 1]
-- +I[9, 1]
