SELECT id, STDDEV_POP(v) OVER w AS a, STDDEV_SAMP(v) OVER w AS b, VAR_POP(v) OVER w AS c, VAR_SAMP(v) OVER w AS d FROM events WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, a INT, b INT, c INT, d INT
-- +I[1, 0, null, 0, null]
-- +I[2, 0, null, 0, null]
-- +I[3, 1, 2, 2, 5]
-- +I[6, 2, 2, 4, 8]
-- +I[4, 0, 1, 0, 1]
-- +I[7, 0, null, 0, null]
-- +I[8, null, null, null, null]
-- +I[9, 0, null, 0, null]
