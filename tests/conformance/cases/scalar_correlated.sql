-- compare: table
SELECT o.id, o.qty FROM orders AS o WHERE o.qty >= (SELECT MAX(i.qty) FROM orders AS i WHERE i.product = o.product);

-- Flink 2.3.0:
-- columns: id BIGINT, qty INT
-- +I[1, 2]
-- +I[3, 5]
-- +I[6, 2]
-- +I[7, 2]
-- +I[8, 3]
-- +I[9, -1]
