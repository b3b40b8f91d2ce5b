-- An update whose old row passes and whose new one does not is a delete.
SELECT product, warehouse, qty FROM stock WHERE qty > 5;

-- Flink 2.3.0:
-- columns: product STRING, warehouse STRING, qty INT
-- +I[pen, n, 10]
-- +I[ink, n, 7]
-- -U[pen, n, 10]
-- -U[ink, n, 7]
-- +U[ink, s, 7]
-- +U[pen, s, 12]
-- +U[pad, n, 6]
