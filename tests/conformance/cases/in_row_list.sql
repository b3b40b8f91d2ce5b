SELECT id FROM payments WHERE (id, k) IN ((1, 'a'), (3, 'b'), (4, 'b'));

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
-- +I[3]
