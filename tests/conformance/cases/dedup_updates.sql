SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY city ORDER BY since DESC) AS rn FROM customers) WHERE rn = 1;

-- Flink 2.3.0:
-- columns: id BIGINT NOT NULL, name STRING, city STRING, since TIMESTAMP(3), rn BIGINT NOT NULL
-- +I[10, Ada, Rome, 2023-12-31T23:00, 1]
-- +I[11, Bo, Oslo, 2023-12-31T23:30, 1]
-- -D[10, Ada, Rome, 2023-12-31T23:00, 1]
-- +I[12, Cy, Rome, 2024-01-01T00:00:05, 1]
-- +I[10, Ada, Bern, 2024-01-01T00:00:03, 1]
-- -D[11, Bo, Oslo, 2023-12-31T23:30, 1]
-- +I[14, Di, null, 2024-01-01T00:00:07, 1]
-- -D[12, Cy, Rome, 2024-01-01T00:00:05, 1]
-- +I[12, Cy, Rome, 2024-01-01T00:00:20, 1]
