SELECT id, LAG(v) OVER (ORDER BY p) AS a, COUNT(*) OVER (ORDER BY p) AS b FROM (SELECT id, k, v, PROCTIME() AS p FROM events) AS t;

-- Flink 2.3.0:
-- columns: id BIGINT, a INT, b BIGINT NOT NULL
-- +I[1, null, 1]
-- +I[2, 1, 2]
-- +I[3, 2, 3]
-- +I[4, 4, 4]
-- +I[5, 5, 5]
-- +I[6, 100, 6]
-- +I[7, 6, 7]
-- +I[8, 7, 8]
-- +I[9, null, 9]
