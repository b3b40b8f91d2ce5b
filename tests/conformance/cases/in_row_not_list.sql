SELECT id FROM payments WHERE (id, k) NOT IN ((1, 'a'), (3, 'b'), (4, 'b'));

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[2]
-- +I[4]
-- +I[5]
-- +I[6]
-- +I[7]
-- +I[8]
-- +I[9]
-- +I[10]
