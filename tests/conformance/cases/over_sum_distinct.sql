SELECT id, SUM(DISTINCT v) OVER w AS s, AVG(DISTINCT v) OVER w AS a, MAX(DISTINCT v) OVER w AS m FROM events WINDOW w AS (ORDER BY ts RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, s INT, a INT, m INT
-- +I[1, 1, 1, 1]
-- +I[2, 3, 1, 2]
-- +I[3, 7, 2, 4]
-- +I[6, 13, 3, 6]
-- +I[4, 17, 4, 6]
-- +I[7, 7, 7, 7]
-- +I[8, 7, 7, 7]
-- +I[9, 16, 8, 9]
