SELECT o.id, m.k, m.v FROM orders AS o CROSS JOIN UNNEST(o.attrs) AS m (k, v);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, v INT
-- +I[1, w, 5]
-- +I[2, w, 50]
-- +I[2, h, 2]
-- +I[5, w, null]
-- +I[6, w, 5]
-- +I[7, h, 1]
-- +I[8, w, 50]
-- +I[9, w, 300]
