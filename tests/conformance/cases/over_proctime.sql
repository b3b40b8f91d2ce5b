SELECT id, COUNT(*) OVER w AS n, SUM(v) OVER w AS s FROM (SELECT *, PROCTIME() AS pt FROM events) WINDOW w AS (PARTITION BY k ORDER BY pt ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, n BIGINT NOT NULL, s INT
-- +I[1, 1, 1]
-- +I[2, 1, 2]
-- +I[3, 2, 5]
-- +I[4, 2, 9]
-- +I[5, 2, 105]
-- +I[6, 2, 8]
-- +I[7, 2, 107]
-- +I[8, 1, null]
-- +I[9, 2, 15]
