-- compare: table
SELECT id, k FROM payments UNION ALL SELECT 0, CAST(NULL AS STRING);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING
-- +I[0, null]
-- +I[1, a]
-- +I[10, a]
-- +I[2, a]
-- +I[3, b]
-- +I[4, a]
-- +I[5, a]
-- +I[6, a]
-- +I[7, a]
-- +I[8, a]
-- +I[9, b]
