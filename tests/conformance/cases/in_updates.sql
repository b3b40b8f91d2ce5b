-- compare: table
SELECT id FROM orders WHERE product IN (SELECT product FROM stock WHERE qty > 5);

-- Flink 2.3.0:
-- columns: id BIGINT
-- +I[1]
-- +I[2]
-- +I[3]
-- +I[4]
-- +I[6]
-- +I[7]
-- +I[8]
