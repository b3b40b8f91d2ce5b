-- compare: table
SELECT id, EXISTS (SELECT 1 FROM events e WHERE e.v = p.id) AS f FROM payments p;

-- Flink 2.3.0:
-- columns: id BIGINT, f BOOLEAN NOT NULL
-- +I[1, true]
-- +I[10, false]
-- +I[2, true]
-- +I[3, false]
-- +I[4, true]
-- +I[5, true]
-- +I[6, true]
-- +I[7, true]
-- +I[8, false]
-- +I[9, true]
