-- compare: table
SELECT id, (SELECT COUNT(*) FROM events e WHERE e.v = p.id) AS n FROM payments p;

-- Flink 2.3.0:
-- columns: id BIGINT, n BIGINT
-- +I[1, 1]
-- +I[10, 0]
-- +I[2, 1]
-- +I[3, 0]
-- +I[4, 1]
-- +I[5, 1]
-- +I[6, 1]
-- +I[7, 1]
-- +I[8, 0]
-- +I[9, 1]
