SELECT id, price FROM orders ORDER BY price DESC, id LIMIT 3;

-- Flink 2.3.0:
-- columns: id BIGINT, price DECIMAL(10, 2)
-- +I[1, 1.50]
-- +I[2, 8.00]
-- +I[3, 3.25]
-- -D[1, 1.50]
-- +I[6, 1.75]
-- -D[6, 1.75]
-- +I[8, 8.00]
-- -D[3, 3.25]
-- +I[9, 12.40]
