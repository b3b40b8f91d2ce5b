-- compare: table
SELECT *, id + 1 AS n FROM (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events) AS e USING (id);

-- Flink 2.3.0:
-- columns: id BIGINT, amount DECIMAL(10, 2), x DOUBLE, n BIGINT
-- +I[1, 10.00, 1.5, 2]
-- +I[2, 20.00, 0.25, 3]
-- +I[3, 5.25, 1.0E7, 4]
-- +I[4, 30.00, -0.0, 5]
-- +I[5, 40.00, 3.0, 6]
-- +I[6, 1.00, 0.1, 7]
-- +I[7, 7.00, 2.0, 8]
-- +I[8, 8.00, null, 9]
-- +I[9, 9.99, 1.0E-4, 10]
