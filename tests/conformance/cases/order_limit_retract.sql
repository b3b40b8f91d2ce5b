SELECT product, warehouse, qty FROM stock ORDER BY qty DESC, product, warehouse LIMIT 2;

-- Flink 2.3.0:
-- columns: product STRING, warehouse STRING, qty INT
-- +I[pen, n, 10]
-- +I[pen, s, 4]
-- -D[pen, s, 4]
-- +I[ink, n, 7]
-- -D[pen, n, 10]
-- +I[pen, s, 4]
-- -D[ink, n, 7]
-- +I[pen, n, 3]
-- -D[pen, n, 3]
-- +I[ink, s, 7]
-- -D[pen, s, 4]
-- +I[pen, n, 3]
-- -D[pen, n, 3]
-- +I[pen, s, 12]
