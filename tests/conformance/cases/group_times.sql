SELECT k, MIN(ts) AS first_ts, MAX(CAST(ts AS DATE)) AS d, COUNT(DISTINCT CAST(ts AS DATE)) AS days FROM payments GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, first_ts TIMESTAMP(3) *ROWTIME*, d DATE, days BIGINT NOT NULL
-- +I[a, 2024-01-01T00:00, 2024-01-01, 1]
-- +I[b, 2024-01-01T00:00:31.500, 2024-01-01, 1]
