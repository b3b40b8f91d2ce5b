-- compare: table
SELECT p.*, e.* FROM (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events) AS e USING (id);

-- Flink 2.3.0:
-- columns: amount DECIMAL(10, 2), id BIGINT, x DOUBLE, id0 BIGINT
-- +I[1.00, 6, 0.1, 6]
-- +I[10.00, 1, 1.5, 1]
-- +I[20.00, 2, 0.25, 2]
-- +I[30.00, 4, -0.0, 4]
-- +I[40.00, 5, 3.0, 5]
-- +I[5.25, 3, 1.0E7, 3]
-- +I[7.00, 7, 2.0, 7]
-- +I[8.00, 8, null, 8]
-- +I[9.99, 9, 1.0E-4, 9]
