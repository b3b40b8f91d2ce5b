SELECT id, LAG(v) OVER (PARTITION BY k ORDER BY p) AS a, SUM(v) OVER (PARTITION BY k ORDER BY p) AS s, LAST_VALUE(v) OVER (PARTITION BY k ORDER BY p) AS l FROM (SELECT id, k, v, PROCTIME() AS p FROM events) AS t;

-- Flink 2.3.0:
-- columns: id BIGINT, a INT, s INT, l INT
-- +I[1, null, 1, 1]
-- +I[2, null, 2, 2]
-- +I[3, 1, 5, 4]
-- +I[4, 4, 10, 5]
-- +I[5, 5, 110, 100]
-- +I[6, 2, 8, 6]
-- +I[7, 100, 117, 7]
-- +I[8, null, null, null]
-- +I[9, 6, 17, 9]
