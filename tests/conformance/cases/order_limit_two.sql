SELECT id, k, amount FROM payments ORDER BY k DESC, amount LIMIT 3;

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, amount DECIMAL(10, 2)
-- +I[1, a, 10.00]
-- +I[2, a, 20.00]
-- +I[3, b, 5.25]
-- -D[2, a, 20.00]
-- +I[6, a, 1.00]
-- -D[1, a, 10.00]
-- +I[7, a, 7.00]
-- -D[7, a, 7.00]
-- +I[9, b, 9.99]
