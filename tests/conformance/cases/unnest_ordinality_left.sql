SELECT id, t, o FROM orders LEFT JOIN UNNEST(tags) WITH ORDINALITY AS u (t, o) ON TRUE;

-- Flink 2.3.0:
-- columns: id BIGINT, t STRING, o INT
-- +I[1, red, 1]
-- +I[1, fine, 2]
-- +I[2, blue, 1]
-- +I[3, null, null]
-- +I[4, null, null]
-- +I[5, red, 1]
-- +I[5, null, 2]
-- +I[6, red, 1]
-- +I[6, red, 2]
-- +I[7, fine, 1]
-- +I[8, blue, 1]
-- +I[8, red, 2]
-- +I[9, new, 1]
