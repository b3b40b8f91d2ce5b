-- compare: table
SELECT * FROM (SELECT amount, id FROM payments WHERE id < 5) NATURAL FULL JOIN (SELECT x, id FROM events WHERE id > 2);

-- Flink 2.3.0:
-- columns: id BIGINT, amount DECIMAL(10, 2), x DOUBLE
-- +I[1, 10.00, null]
-- +I[2, 20.00, null]
-- +I[3, 5.25, 1.0E7]
-- +I[4, 30.00, -0.0]
-- +I[5, null, 3.0]
-- +I[6, null, 0.1]
-- +I[7, null, 2.0]
-- +I[8, null, null]
-- +I[9, null, 1.0E-4]
