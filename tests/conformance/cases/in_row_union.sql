-- compare: table
SELECT id FROM payments WHERE (id, k) IN (SELECT v, k FROM events WHERE v < 5 UNION ALL SELECT id, k FROM gaps);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[10]
-- +I[1]
-- +I[2]
-- +I[4]
