SELECT id, STDDEV_POP(v) OVER w AS a, STDDEV_SAMP(v) OVER w AS b, VAR_POP(v) OVER w AS c, VAR_SAMP(v) OVER w AS d FROM events WINDOW w AS (ORDER BY ts RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, a INT, b INT, c INT, d INT
-- +I[1, 0, null, 0, null]
-- +I[2, 0, 1, 0, 1]
-- +I[3, 1, 1, 1, 2]
-- +I[4, 1, 1, 2, 3]
-- +I[7, 2, 2, 4, 5]
-- +I[8, 2, 2, 4, 5]
-- +I[9, 2, 3, 7, 9]
