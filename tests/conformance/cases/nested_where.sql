SELECT id FROM orders WHERE items[1].n > 0;

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
-- +I[2]
-- +I[5]
-- +I[6]
-- +I[7]
-- +I[8]
-- +I[9]
