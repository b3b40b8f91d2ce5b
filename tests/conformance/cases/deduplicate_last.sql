-- The last by rowtime is a changelog.
SELECT id, k, ts
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts DESC) AS rn FROM payments)
WHERE rn = 1;

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, ts TIMESTAMP(3) *ROWTIME*
-- +I[1, a, 2024-01-01T00:00]
-- -U[1, a, 2024-01-01T00:00]
-- +U[2, a, 2024-01-01T00:00:30]
-- +I[3, b, 2024-01-01T00:00:31.500]
-- -U[2, a, 2024-01-01T00:00:30]
-- +U[4, a, 2024-01-01T00:01]
-- -U[4, a, 2024-01-01T00:01]
-- +U[5, a, 2024-01-01T00:01]
-- -U[5, a, 2024-01-01T00:01]
-- +U[7, a, 2024-01-01T00:01:30]
-- -U[7, a, 2024-01-01T00:01:30]
-- +U[8, a, 2024-01-01T00:02:00.500]
-- -U[3, b, 2024-01-01T00:00:31.500]
-- +U[9, b, 2024-01-01T00:01:31.500]
-- -U[8, a, 2024-01-01T00:02:00.500]
-- +U[10, a, 2024-01-01T01:00]
