-- compare: table
SELECT id FROM gaps WHERE (id, k, i) IN (SELECT id, k, v FROM events);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
