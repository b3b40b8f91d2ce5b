SELECT id, qty FROM orders ORDER BY qty DESC NULLS LAST, id LIMIT 9;

-- Flink 2.3.0:
-- columns: id BIGINT, qty INT
-- +I[1, 2]
-- +I[2, 1]
-- +I[3, 5]
-- +I[4, null]
-- +I[5, 7]
-- +I[6, 2]
-- +I[7, 2]
-- +I[8, 3]
-- +I[9, -1]
