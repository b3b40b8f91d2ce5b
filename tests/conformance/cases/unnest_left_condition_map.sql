SELECT id, a, b FROM orders LEFT JOIN UNNEST(attrs) AS u (a, b) ON b > 10;

-- Flink 2.3.0:
-- columns: id BIGINT, a STRING, b INT
-- +I[1, null, null]
-- +I[2, w, 50]
-- +I[3, null, null]
-- +I[4, null, null]
-- +I[5, null, null]
-- +I[6, null, null]
-- +I[7, null, null]
-- +I[8, w, 50]
-- +I[9, w, 300]
