SELECT id, sku, n, o FROM orders LEFT JOIN UNNEST(items) WITH ORDINALITY AS u (sku, n, o) ON o = 2;

-- Flink 2.3.0:
-- columns: id BIGINT, sku STRING, n INT, o INT
-- +I[1, p2, 3, 2]
-- +I[2, null, null, null]
-- +I[3, null, null, null]
-- +I[4, null, null, null]
-- +I[5, null, null, null]
-- +I[6, p1, 1, 2]
-- +I[7, null, null, null]
-- +I[8, i2, null, 2]
-- +I[9, null, null, null]
