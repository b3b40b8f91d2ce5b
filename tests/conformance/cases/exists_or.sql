-- compare: table
SELECT p.id FROM payments p WHERE EXISTS (SELECT 1 FROM events e WHERE e.v = p.id) OR p.amount > 50;

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[10]
-- +I[1]
-- +I[2]
-- +I[4]
-- +I[5]
-- +I[6]
-- +I[7]
-- +I[9]
