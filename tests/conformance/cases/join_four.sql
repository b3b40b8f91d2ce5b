-- compare: table
SELECT p.id, e.id AS e, g.id AS g, o.id AS o FROM payments p JOIN events e ON p.k = e.k JOIN gaps g ON g.k = e.k LEFT JOIN orders o ON o.id = p.id WHERE p.id < 3 AND e.id < 4 AND g.id < 5;

-- Flink 2.3.0:
-- columns: id BIGINT, e BIGINT, g BIGINT, o BIGINT
-- +I[1, 1, 1, 1]
-- +I[1, 1, 2, 1]
-- +I[1, 1, 4, 1]
-- +I[1, 3, 1, 1]
-- +I[1, 3, 2, 1]
-- +I[1, 3, 4, 1]
-- +I[2, 1, 1, 2]
-- +I[2, 1, 2, 2]
-- +I[2, 1, 4, 2]
-- +I[2, 3, 1, 2]
-- +I[2, 3, 2, 2]
-- +I[2, 3, 4, 2]
