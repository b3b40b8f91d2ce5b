-- compare: table
SELECT product, qty FROM stock WHERE qty >= (SELECT AVG(qty) FROM stock);

-- Flink 2.3.0:
-- columns: product STRING, qty INT
-- +I[ink, 7]
-- +I[pad, 6]
-- +I[pen, 12]
