SELECT * FROM (SELECT id, amount, ROW_NUMBER() OVER (ORDER BY amount DESC) AS rn FROM payments) WHERE rn BETWEEN 2 AND 3;

-- Flink 2.3.0:
-- columns: id BIGINT, amount DECIMAL(10, 2), rn BIGINT NOT NULL
-- +I[1, 10.00, 2]
-- +I[3, 5.25, 3]
-- -U[1, 10.00, 2]
-- +U[2, 20.00, 2]
-- -U[3, 5.25, 3]
-- +U[1, 10.00, 3]
-- -U[2, 20.00, 2]
-- +U[4, 30.00, 2]
-- -U[1, 10.00, 3]
-- +U[2, 20.00, 3]
-- -U[4, 30.00, 2]
-- +U[5, 40.00, 2]
-- -U[2, 20.00, 3]
-- +U[4, 30.00, 3]
