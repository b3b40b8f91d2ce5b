SELECT id, TRY_CAST(product AS INT) AS n, TRY_CAST(CAST(qty AS STRING) AS INT) AS q FROM orders;

-- Flink 2.3.0:
-- columns: id BIGINT, n INT, q INT
-- +I[1, null, 2]
-- +I[2, null, 1]
-- +I[3, null, 5]
-- +I[4, null, null]
-- +I[5, null, 7]
-- +I[6, null, 2]
-- +I[7, null, 2]
-- +I[8, null, 3]
-- +I[9, null, -1]
