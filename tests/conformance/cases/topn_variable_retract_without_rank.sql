SELECT product, warehouse, qty FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY product ORDER BY warehouse) AS rn FROM (SELECT product, warehouse, qty, MOD(qty, 3) AS n FROM stock)) WHERE rn <= n;

-- Flink 2.3.0:
-- columns: product STRING, warehouse STRING, qty INT
-- +I[pen, n, 10]
-- +I[ink, n, 7]
-- -D[pen, n, 10]
-- +I[pen, s, 4]
-- -D[pen, s, 4]
-- +I[pen, n, 3]
-- +I[cup, n, 1]
-- -D[cup, n, 1]
-- -D[ink, n, 7]
-- +I[ink, s, 7]
-- +I[null, s, 2]
-- -D[pen, n, 3]
-- +I[pen, e, 3]
