CREATE TEMPORARY VIEW pt AS SELECT id, k, PROCTIME() AS p FROM events;
SELECT k, window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE pt, DESCRIPTOR(p), INTERVAL '1' DAY)) GROUP BY GROUPING SETS ((window_start, window_end, k), (window_start, window_end));

-- Flink 2.3.0:
-- columns: k STRING, window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL
