-- compare: table
SELECT * FROM (SELECT id AS z FROM gaps WHERE id = 1) AS g, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e ON g.z = e.id;

-- Flink 2.3.0:
-- columns: z BIGINT, amount DECIMAL(10, 2), id BIGINT, x DOUBLE, id0 BIGINT
-- +I[1, 1.00, 6, 1.5, 1]
-- +I[1, 10.00, 1, 1.5, 1]
-- +I[1, 100.00, 10, 1.5, 1]
-- +I[1, 20.00, 2, 1.5, 1]
-- +I[1, 30.00, 4, 1.5, 1]
-- +I[1, 40.00, 5, 1.5, 1]
-- +I[1, 5.25, 3, 1.5, 1]
-- +I[1, 7.00, 7, 1.5, 1]
-- +I[1, 8.00, 8, 1.5, 1]
-- +I[1, 9.99, 9, 1.5, 1]
