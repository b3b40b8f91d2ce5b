-- compare: table
SELECT id FROM payments WHERE (id, k) IN (SELECT id + 1, k FROM payments);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[2]
-- +I[5]
-- +I[6]
-- +I[7]
-- +I[8]
