-- compare: table
SELECT * FROM (SELECT i, id FROM gaps WHERE id < 3) AS g JOIN (SELECT id, k FROM events) AS s USING (id), (SELECT amount, id AS y FROM payments) AS p JOIN (SELECT x, id AS y FROM events WHERE id < 3) AS e USING (y);

-- Flink 2.3.0:
-- columns: y BIGINT, id BIGINT, i INT, k STRING, amount DECIMAL(10, 2), x DOUBLE
-- +I[1, 1, 1, a, 10.00, 1.5]
-- +I[1, 2, 2, b, 10.00, 1.5]
-- +I[2, 1, 1, a, 20.00, 0.25]
-- +I[2, 2, 2, b, 20.00, 0.25]
