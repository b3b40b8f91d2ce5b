-- compare: table
SELECT o.id FROM orders AS o WHERE EXISTS (SELECT 1 FROM stock AS s WHERE s.product = o.product AND s.qty > o.qty);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
-- +I[2]
-- +I[3]
-- +I[6]
-- +I[7]
-- +I[8]
