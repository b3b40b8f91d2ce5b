SELECT id, sku, n FROM orders LEFT JOIN UNNEST(items) AS u (sku, n) ON n > 1;

-- Flink 2.3.0:
-- columns: id BIGINT, sku STRING, n INT
-- +I[1, p2, 3]
-- +I[2, null, null]
-- +I[3, null, null]
-- +I[4, null, null]
-- +I[5, null, 2]
-- +I[6, null, null]
-- +I[7, p3, 9]
-- +I[8, i1, 2]
-- +I[9, null, null]
