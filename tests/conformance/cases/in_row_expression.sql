-- compare: table
SELECT id FROM payments WHERE (id + 1, UPPER(k)) IN (SELECT v, UPPER(k) FROM events);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[4]
-- +I[6]
