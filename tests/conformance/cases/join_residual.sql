-- compare: table
SELECT o.id, s.warehouse, s.qty FROM orders AS o JOIN stock AS s ON o.product = s.product AND o.qty <= s.qty;

-- Flink 2.3.0:
-- columns: id BIGINT, warehouse STRING, qty INT
-- +I[1, e, 3]
-- +I[1, n, 3]
-- +I[1, s, 12]
-- +I[2, s, 7]
-- +I[3, n, 6]
-- +I[6, e, 3]
-- +I[6, n, 3]
-- +I[6, s, 12]
-- +I[7, e, 3]
-- +I[7, n, 3]
-- +I[7, s, 12]
-- +I[8, s, 7]
