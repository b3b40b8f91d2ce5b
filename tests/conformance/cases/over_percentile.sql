SELECT id, PERCENTILE(v, 0.5) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS p FROM events;

-- Flink 2.3.0:
-- columns: id BIGINT, p DOUBLE
-- +I[1, 1.0]
-- +I[2, 2.0]
-- +I[3, 2.5]
-- +I[6, 4.0]
-- +I[4, 4.0]
-- +I[7, 5.0]
-- +I[8, null]
-- +I[9, 6.0]
