-- compare: table
SELECT id FROM payments p WHERE (id, k) NOT IN (SELECT v, k FROM events e WHERE e.id = p.id AND v IS NOT NULL AND k IS NOT NULL);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[10]
-- +I[2]
-- +I[3]
-- +I[4]
-- +I[5]
-- +I[6]
-- +I[8]
