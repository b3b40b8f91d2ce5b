-- compare: table
SELECT o.id, s.warehouse, s.qty FROM orders AS o FULL JOIN stock AS s ON o.product = s.product AND o.qty = s.qty;

-- Flink 2.3.0:
-- columns: id BIGINT, warehouse STRING, qty INT
-- +I[1, null, null]
-- +I[2, null, null]
-- +I[3, null, null]
-- +I[4, null, null]
-- +I[5, null, null]
-- +I[6, null, null]
-- +I[7, null, null]
-- +I[8, null, null]
-- +I[9, null, null]
-- +I[null, e, 3]
-- +I[null, n, 3]
-- +I[null, n, 6]
-- +I[null, s, 12]
-- +I[null, s, 2]
-- +I[null, s, 7]
