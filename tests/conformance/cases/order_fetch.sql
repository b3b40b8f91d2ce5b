SELECT id, qty FROM orders ORDER BY qty, id FETCH FIRST 2 ROWS ONLY;

-- Flink 2.3.0:
-- columns: id BIGINT, qty INT
-- +I[1, 2]
-- +I[2, 1]
-- -D[1, 2]
-- +I[4, null]
-- -D[2, 1]
-- +I[9, -1]
