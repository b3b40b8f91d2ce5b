-- compare: table
SELECT * FROM (SELECT amount, k, id FROM payments) AS p JOIN (SELECT x, k, id FROM events) AS e USING (id);

-- Flink 2.3.0:
-- columns: id BIGINT, amount DECIMAL(10, 2), k STRING, x DOUBLE, k0 STRING
-- +I[1, 10.00, a, 1.5, a]
-- +I[2, 20.00, a, 0.25, b]
-- +I[3, 5.25, b, 1.0E7, a]
-- +I[4, 30.00, a, -0.0, a]
-- +I[5, 40.00, a, 3.0, a]
-- +I[6, 1.00, a, 0.1, b]
-- +I[7, 7.00, a, 2.0, a]
-- +I[8, 8.00, a, null, null]
-- +I[9, 9.99, b, 1.0E-4, b]
