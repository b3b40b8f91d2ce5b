SELECT id, LAG(id) OVER (PARTITION BY k ORDER BY p) AS a, LAG(id, 2) OVER (PARTITION BY k ORDER BY p) AS b, LAG(k, 1, '-') OVER (PARTITION BY k ORDER BY p) AS c FROM (SELECT id, k, PROCTIME() AS p FROM events) AS t;

-- Flink 2.3.0:
-- columns: id BIGINT, a BIGINT, b BIGINT, c STRING NOT NULL
-- +I[1, null, null, -]
-- +I[2, null, null, -]
-- +I[3, 1, null, a]
-- +I[4, 3, 1, a]
-- +I[5, 4, 3, a]
-- +I[6, 2, null, b]
-- +I[7, 5, 4, a]
-- +I[8, null, null, -]
-- +I[9, 6, 2, b]
