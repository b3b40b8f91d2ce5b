-- compare: table
SELECT id FROM payments p WHERE (id, k) IN (SELECT v, k FROM events e WHERE e.id <= p.id);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
-- +I[4]
-- +I[5]
-- +I[7]
-- +I[9]
