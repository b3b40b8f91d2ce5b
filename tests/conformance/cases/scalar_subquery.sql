-- compare: table
SELECT id, qty FROM orders WHERE qty > (SELECT AVG(qty) FROM orders);

-- Flink 2.3.0:
-- columns: id BIGINT, qty INT
-- +I[3, 5]
-- +I[5, 7]
-- +I[8, 3]
