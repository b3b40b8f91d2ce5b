-- compare: table
SELECT id FROM payments WHERE (id, k) IN (SELECT v, k FROM events WHERE v < amount);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
-- +I[4]
-- +I[5]
-- +I[9]
