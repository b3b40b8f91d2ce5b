-- compare: table
SELECT id FROM payments WHERE id > ALL (SELECT v FROM events WHERE v < 7) OR k = 'b';

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[10]
-- +I[3]
-- +I[7]
-- +I[8]
-- +I[9]
