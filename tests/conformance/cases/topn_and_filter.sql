SELECT id, amount FROM (SELECT id, amount, ROW_NUMBER() OVER (ORDER BY amount DESC) AS rn FROM payments) WHERE rn <= 3 AND amount > 15;

-- Flink 2.3.0:
-- columns: id BIGINT, amount DECIMAL(10, 2)
-- +I[2, 20.00]
-- +I[4, 30.00]
-- +I[5, 40.00]
-- -D[2, 20.00]
-- +I[10, 100.00]
