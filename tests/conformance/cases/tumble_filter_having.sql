-- FILTER, HAVING, and an expression as key.
SELECT window_start, UPPER(k) AS upper_k, COUNT(*) AS n, SUM(v) FILTER (WHERE v > 1) AS big
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
GROUP BY window_start, window_end, UPPER(k)
HAVING COUNT(*) > 1;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, upper_k STRING, n BIGINT NOT NULL, big INT
-- +I[2024-01-01T00:00, A, 2, 4]
