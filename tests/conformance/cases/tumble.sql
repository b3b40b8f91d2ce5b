-- A late row is dropped, a row on the watermark is not; NULL is a key.
SELECT window_start, window_end, window_time, k, COUNT(*) AS n, SUM(v) AS sv, AVG(v) AS av, MIN(x) AS least, MAX(x) AS most
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, window_time, k;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, window_time TIMESTAMP(3) NOT NULL *ROWTIME*, k STRING, n BIGINT NOT NULL, sv INT, av INT, least DOUBLE, most DOUBLE
-- +I[2024-01-01T00:00, 2024-01-01T00:00:10, 2024-01-01T00:00:09.999, a, 2, 5, 2, 1.5, 1.0E7]
-- +I[2024-01-01T00:00, 2024-01-01T00:00:10, 2024-01-01T00:00:09.999, b, 1, 2, 2, 0.25, 0.25]
-- +I[2024-01-01T00:00:10, 2024-01-01T00:00:20, 2024-01-01T00:00:19.999, a, 1, 5, 5, -0.0, -0.0]
-- +I[2024-01-01T00:00:10, 2024-01-01T00:00:20, 2024-01-01T00:00:19.999, b, 1, 6, 6, 0.1, 0.1]
-- +I[2024-01-01T00:00:20, 2024-01-01T00:00:30, 2024-01-01T00:00:29.999, a, 1, 7, 7, 2.0, 2.0]
-- +I[2024-01-01T00:00:20, 2024-01-01T00:00:30, 2024-01-01T00:00:29.999, b, 1, 9, 9, 1.0E-4, 1.0E-4]
-- +I[2024-01-01T00:00:20, 2024-01-01T00:00:30, 2024-01-01T00:00:29.999, null, 1, null, null, null, null]
