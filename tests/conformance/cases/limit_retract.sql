-- The filter keeps Flink from reading three rows only.
SELECT product, warehouse, qty FROM stock WHERE CHAR_LENGTH(warehouse) = 1 LIMIT 3;

-- Flink 2.3.0:
-- columns: product STRING, warehouse STRING, qty INT
-- +I[pen, n, 10]
-- +I[pen, s, 4]
-- +I[ink, n, 7]
-- -D[pen, n, 10]
-- +I[pen, n, 3]
-- -D[ink, n, 7]
-- +I[ink, s, 7]
-- -D[pen, s, 4]
-- +I[pad, n, null]
-- -D[pad, n, null]
-- +I[pen, s, 12]
