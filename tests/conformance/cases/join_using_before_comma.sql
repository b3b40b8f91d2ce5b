-- compare: table
SELECT * FROM (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e USING (id), (SELECT id AS z FROM gaps WHERE id = 1) AS g;

-- Flink 2.3.0:
-- columns: id BIGINT, amount DECIMAL(10, 2), x DOUBLE, z BIGINT
-- +I[1, 10.00, 1.5, 1]
-- +I[2, 20.00, 0.25, 1]
-- +I[3, 5.25, 1.0E7, 1]
