SELECT o.id, t.tag, t.pos FROM orders AS o CROSS JOIN UNNEST(o.tags) WITH ORDINALITY AS t (tag, pos);

-- Flink 2.3.0:
-- columns: id BIGINT, tag STRING, pos INT NOT NULL
-- +I[1, red, 1]
-- +I[1, fine, 2]
-- +I[2, blue, 1]
-- +I[5, red, 1]
-- +I[5, null, 2]
-- +I[6, red, 1]
-- +I[6, red, 2]
-- +I[7, fine, 1]
-- +I[8, blue, 1]
-- +I[8, red, 2]
-- +I[9, new, 1]
