SELECT id, STDDEV_POP(v) OVER w AS s, VAR_SAMP(v) OVER w AS va FROM events WINDOW w AS (ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, s INT, va INT
-- +I[1, 0, null]
-- +I[2, 0, 1]
-- +I[3, 1, 2]
-- +I[6, 1, 5]
-- +I[4, 1, 3]
-- +I[7, 1, 1]
-- +I[8, 0, 1]
-- +I[9, 1, 4]
