SELECT id, amount FROM payments ORDER BY amount * -1 LIMIT 2;

-- Flink 2.3.0:
-- columns: id BIGINT, amount DECIMAL(10, 2)
-- +I[1, 10.00]
-- +I[2, 20.00]
-- -D[1, 10.00]
-- +I[4, 30.00]
-- -D[2, 20.00]
-- +I[5, 40.00]
-- -D[4, 30.00]
-- +I[10, 100.00]
