-- compare: table
SELECT id, k FROM payments p WHERE id > ANY (SELECT v FROM events e WHERE e.k = p.k);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING
-- +I[10, a]
-- +I[2, a]
-- +I[3, b]
-- +I[4, a]
-- +I[5, a]
-- +I[6, a]
-- +I[7, a]
-- +I[8, a]
-- +I[9, b]
