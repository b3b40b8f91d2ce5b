-- compare: table
SELECT id FROM orders o WHERE NOT EXISTS (SELECT 1 FROM stock s WHERE s.product = o.product AND s.qty > 5);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[5]
-- +I[9]
