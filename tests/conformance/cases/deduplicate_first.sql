-- The first by rowtime, when the watermark is there: +I only; a key whose only row is late never comes.
SELECT id, k, ts
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts ASC) AS rn FROM gaps)
WHERE rn = 1;

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, ts TIMESTAMP(3) *ROWTIME*
-- +I[2, a, 2024-01-01T00:00:08]
-- +I[3, null, 2024-01-01T00:00:12]
-- +I[6, d, 2024-01-01T00:00:25]
