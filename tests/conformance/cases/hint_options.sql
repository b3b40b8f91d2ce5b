SELECT id, k FROM payments /*+ OPTIONS('csv.ignore-parse-errors' = 'true') */ WHERE id < 4;

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING
-- +I[1, a]
-- +I[2, a]
-- +I[3, b]
