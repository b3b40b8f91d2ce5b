SELECT id, u.sku, u.n FROM orders, UNNEST(items) AS u;

-- Flink 2.3.0:
-- columns: id BIGINT, sku STRING, n INT
-- +I[1, p1, 1]
-- +I[1, p2, 3]
-- +I[2, i1, 1]
-- +I[5, null, 2]
-- +I[6, p1, 1]
-- +I[6, p1, 1]
-- +I[7, p3, 9]
-- +I[8, i1, 2]
-- +I[8, i2, null]
-- +I[9, c1, 1]
