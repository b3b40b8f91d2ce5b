-- compare: table
SELECT id FROM payments WHERE (id, k) NOT IN (SELECT v, k FROM events WHERE v IS NOT NULL AND k IS NOT NULL);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[10]
-- +I[2]
-- +I[3]
-- +I[6]
-- +I[8]
