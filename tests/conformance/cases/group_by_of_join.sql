-- compare: table
SELECT o.product, SUM(s.qty) AS q FROM orders o JOIN stock s ON o.product = s.product GROUP BY o.product;

-- Flink 2.3.0:
-- columns: product STRING, q INT
-- +I[ink, 14]
-- +I[pad, 6]
-- +I[pen, 72]
