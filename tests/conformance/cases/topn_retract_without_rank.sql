SELECT product, warehouse, qty FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY product ORDER BY qty DESC, warehouse) AS rn FROM stock) WHERE rn <= 1;

-- Flink 2.3.0:
-- columns: product STRING, warehouse STRING, qty INT
-- +I[pen, n, 10]
-- +I[ink, n, 7]
-- -D[pen, n, 10]
-- +I[pen, s, 4]
-- +I[cup, n, 1]
-- -D[cup, n, 1]
-- -D[ink, n, 7]
-- +I[ink, s, 7]
-- +I[pad, n, null]
-- -D[pen, s, 4]
-- +I[pen, n, 3]
-- -D[pen, n, 3]
-- +I[pen, s, 12]
-- +I[null, s, 2]
-- -D[pad, n, null]
-- +I[pad, n, 6]
