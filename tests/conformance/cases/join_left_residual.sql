-- compare: table
SELECT o.id, s.warehouse, s.qty FROM orders AS o LEFT JOIN stock AS s ON o.product = s.product AND o.qty * 3 <= s.qty;

-- Flink 2.3.0:
-- columns: id BIGINT, warehouse STRING, qty INT
-- +I[1, s, 12]
-- +I[2, s, 7]
-- +I[3, null, null]
-- +I[4, null, null]
-- +I[5, null, null]
-- +I[6, s, 12]
-- +I[7, s, 12]
-- +I[8, null, null]
-- +I[9, null, null]
