SELECT id, COUNT(DISTINCT k) OVER w AS d, SUM(v) OVER w AS s FROM events WINDOW w AS (ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, d BIGINT NOT NULL, s INT
-- +I[1, 1, 1]
-- +I[2, 2, 3]
-- +I[3, 2, 7]
-- +I[6, 2, 12]
-- +I[4, 2, 15]
-- +I[7, 2, 18]
-- +I[8, 1, 12]
-- +I[9, 2, 16]
