-- compare: table
SELECT * FROM (SELECT amount, k, id FROM payments) AS p JOIN (SELECT x, k, id FROM events) AS e USING (k, id);

-- Flink 2.3.0:
-- columns: k STRING, id BIGINT, amount DECIMAL(10, 2), x DOUBLE
-- +I[a, 1, 10.00, 1.5]
-- +I[a, 4, 30.00, -0.0]
-- +I[a, 5, 40.00, 3.0]
-- +I[a, 7, 7.00, 2.0]
-- +I[b, 9, 9.99, 1.0E-4]
