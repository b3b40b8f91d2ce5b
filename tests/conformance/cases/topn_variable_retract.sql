SELECT product, warehouse, qty, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY product ORDER BY warehouse) AS rn FROM (SELECT product, warehouse, qty, MOD(qty, 3) AS n FROM stock)) WHERE rn <= n;

-- Flink 2.3.0:
-- columns: product STRING, warehouse STRING, qty INT, rn BIGINT NOT NULL
-- +I[pen, n, 10, 1]
-- +I[ink, n, 7, 1]
-- -U[pen, n, 10, 1]
-- +U[pen, s, 4, 1]
-- -U[pen, s, 4, 1]
-- +U[pen, n, 3, 1]
-- +I[cup, n, 1, 1]
-- -D[cup, n, 1, 1]
-- -D[ink, n, 7, 1]
-- +I[ink, s, 7, 1]
-- +I[null, s, 2, 1]
-- -U[pen, n, 3, 1]
-- +U[pen, e, 3, 1]
