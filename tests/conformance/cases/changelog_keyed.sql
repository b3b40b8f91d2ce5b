SELECT id, city FROM customers;

-- Flink 2.3.0:
-- columns: id BIGINT NOT NULL, city STRING
-- +I[10, Rome]
-- +I[11, Oslo]
-- +I[12, Rome]
-- -U[10, Rome]
-- +U[10, Bern]
-- -D[11, Oslo]
-- +I[14, null]
-- -U[12, Rome]
-- +U[12, Rome]
