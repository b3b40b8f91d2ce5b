SELECT id, u.* FROM orders CROSS JOIN UNNEST(items) AS u WHERE id < 3;

-- Flink 2.3.0:
-- columns: id BIGINT, sku STRING, n INT
-- +I[1, p1, 1]
-- +I[1, p2, 3]
-- +I[2, i1, 1]
