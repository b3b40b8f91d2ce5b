SELECT id, price * CAST('10000000000000000000' AS DECIMAL(20, 0)) * CAST('10000000000000000000' AS DECIMAL(20, 0)) AS huge, CAST(price * 100000000 AS DECIMAL(10, 2)) AS d FROM orders;

-- Flink 2.3.0:
-- columns: id BIGINT, huge DECIMAL(38, 2), d DECIMAL(10, 2)
-- +I[1, null, null]
-- +I[2, null, null]
-- +I[3, null, null]
-- +I[4, null, null]
-- +I[5, null, null]
-- +I[6, null, null]
-- +I[7, null, null]
-- +I[8, null, null]
-- +I[9, null, null]
