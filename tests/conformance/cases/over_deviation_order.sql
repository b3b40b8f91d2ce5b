SELECT id, STDDEV_SAMP(v) OVER w AS a, VAR_SAMP(v) OVER w AS b, AVG(v) OVER w AS c FROM events WINDOW w AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, a INT, b INT, c INT
-- +I[1, null, null, 1]
-- +I[2, 1, 1, 1]
-- +I[3, 1, 2, 2]
-- +I[4, 1, 3, 3]
-- +I[5, 43, 1884, 22]
-- +I[6, 39, 1552, 19]
-- +I[7, 36, 1316, 17]
-- +I[8, 36, 1316, 17]
-- +I[9, 33, 1138, 16]
