SELECT id, t, k, v FROM orders CROSS JOIN UNNEST(tags) AS a (t) CROSS JOIN UNNEST(attrs) AS b (k, v);

-- Flink 2.3.0:
-- columns: id BIGINT, t STRING, k STRING, v INT
-- +I[1, red, w, 5]
-- +I[1, fine, w, 5]
-- +I[2, blue, w, 50]
-- +I[2, blue, h, 2]
-- +I[5, red, w, null]
-- +I[5, null, w, null]
-- +I[6, red, w, 5]
-- +I[6, red, w, 5]
-- +I[7, fine, h, 1]
-- +I[8, blue, w, 50]
-- +I[8, red, w, 50]
-- +I[9, new, w, 300]
