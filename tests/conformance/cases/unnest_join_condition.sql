SELECT id, sku, n FROM orders JOIN UNNEST(items) AS u (sku, n) ON n > 1;

-- Flink 2.3.0:
-- columns: id BIGINT, sku STRING, n INT
-- +I[1, p2, 3]
-- +I[5, null, 2]
-- +I[7, p3, 9]
-- +I[8, i1, 2]
