-- compare: table
SELECT * FROM (SELECT id AS z FROM gaps WHERE id = 1) AS g, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events) AS e USING (id);

-- Flink 2.3.0:
-- columns: id BIGINT, z BIGINT, amount DECIMAL(10, 2), x DOUBLE
-- +I[1, 1, 10.00, 1.5]
-- +I[2, 1, 20.00, 0.25]
-- +I[3, 1, 5.25, 1.0E7]
-- +I[4, 1, 30.00, -0.0]
-- +I[5, 1, 40.00, 3.0]
-- +I[6, 1, 1.00, 0.1]
-- +I[7, 1, 7.00, 2.0]
-- +I[8, 1, 8.00, null]
-- +I[9, 1, 9.99, 1.0E-4]
