SELECT id, FIRST_VALUE(v) OVER w AS f, LAST_VALUE(v) OVER w AS l, MIN(x) OVER w AS lo FROM events WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, f INT, l INT, lo DOUBLE
-- +I[1, 1, 1, 1.5]
-- +I[2, 2, 2, 0.25]
-- +I[3, 1, 4, 1.5]
-- +I[6, 2, 6, 0.1]
-- +I[4, 4, 5, -0.0]
-- +I[7, 7, 7, 2.0]
-- +I[8, null, null, null]
-- +I[9, 9, 9, 1.0E-4]
