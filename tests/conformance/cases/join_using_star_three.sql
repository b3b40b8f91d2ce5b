-- compare: table
SELECT * FROM (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id, k FROM events) AS e USING (id) JOIN (SELECT i, k, p FROM gaps WHERE id = 1) AS g USING (k);

-- Flink 2.3.0:
-- columns: k STRING, id BIGINT, amount DECIMAL(10, 2), x DOUBLE, i INT, p DECIMAL(10, 2)
-- +I[a, 1, 10.00, 1.5, 1, 10.00]
-- +I[a, 3, 5.25, 1.0E7, 1, 10.00]
-- +I[a, 4, 30.00, -0.0, 1, 10.00]
-- +I[a, 5, 40.00, 3.0, 1, 10.00]
-- +I[a, 7, 7.00, 2.0, 1, 10.00]
