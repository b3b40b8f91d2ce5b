SELECT id, tags[qty] AS t, items[CARDINALITY(items)].sku AS s FROM orders WHERE qty > 0;

-- Flink 2.3.0:
-- columns: id BIGINT, t STRING, s STRING
-- +I[1, fine, p2]
-- +I[2, blue, i1]
-- +I[3, null, null]
-- +I[5, null, null]
-- +I[6, red, p1]
-- +I[7, null, p3]
-- +I[8, null, i2]
