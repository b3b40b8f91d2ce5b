SELECT id, k, v, o FROM orders CROSS JOIN UNNEST(attrs) WITH ORDINALITY AS u (k, v, o);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, v INT, o INT NOT NULL
-- +I[1, w, 5, 1]
-- +I[2, w, 50, 1]
-- +I[2, h, 2, 2]
-- +I[5, w, null, 1]
-- +I[6, w, 5, 1]
-- +I[7, h, 1, 1]
-- +I[8, w, 50, 1]
-- +I[9, w, 300, 1]
