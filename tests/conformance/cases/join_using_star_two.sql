-- compare: table
SELECT * FROM (SELECT amount, k, id FROM payments) AS p JOIN (SELECT x, k, id FROM events) AS e USING (id, k);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, amount DECIMAL(10, 2), x DOUBLE
-- +I[1, a, 10.00, 1.5]
-- +I[4, a, 30.00, -0.0]
-- +I[5, a, 40.00, 3.0]
-- +I[7, a, 7.00, 2.0]
-- +I[9, b, 9.99, 1.0E-4]
