SELECT id, tags[1] AS t, CARDINALITY(tags) AS n, attrs['w'] AS w, items[1].sku AS sku, items[2].n AS n2 FROM orders;

-- Flink 2.3.0:
-- columns: id BIGINT, t STRING, n INT, w INT, sku STRING, n2 INT
-- +I[1, red, 2, 5, p1, 3]
-- +I[2, blue, 1, 50, i1, null]
-- +I[3, null, 0, null, null, null]
-- +I[4, null, null, null, null, null]
-- +I[5, red, 2, null, null, null]
-- +I[6, red, 2, 5, p1, 1]
-- +I[7, fine, 1, null, p3, null]
-- +I[8, blue, 2, 50, i1, null]
-- +I[9, new, 1, 300, c1, null]
