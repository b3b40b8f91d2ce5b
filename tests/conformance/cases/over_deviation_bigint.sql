SELECT id, STDDEV_POP(id) OVER w AS a, STDDEV_SAMP(id) OVER w AS b, VAR_POP(id) OVER w AS c, VAR_SAMP(id) OVER w AS d FROM events WINDOW w AS (ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, a BIGINT, b BIGINT, c BIGINT, d BIGINT
-- +I[1, 0, null, 0, null]
-- +I[2, 0, 1, 0, 1]
-- +I[3, 0, 1, 0, 1]
-- +I[6, 1, 2, 3, 4]
-- +I[4, 1, 1, 2, 3]
-- +I[7, 1, 1, 2, 3]
-- +I[8, 1, 1, 2, 3]
-- +I[9, 1, 2, 3, 4]
