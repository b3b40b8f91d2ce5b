SELECT product, warehouse, qty, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY product ORDER BY qty DESC, warehouse) AS rn FROM stock) WHERE rn <= 2;

-- Flink 2.3.0:
-- columns: product STRING, warehouse STRING, qty INT, rn BIGINT NOT NULL
-- +I[pen, n, 10, 1]
-- +I[pen, s, 4, 2]
-- +I[ink, n, 7, 1]
-- -U[pen, n, 10, 1]
-- +U[pen, s, 4, 1]
-- -D[pen, s, 4, 2]
-- +I[pen, n, 3, 2]
-- +I[cup, n, 1, 1]
-- -D[cup, n, 1, 1]
-- -D[ink, n, 7, 1]
-- +I[ink, s, 7, 1]
-- +I[pad, n, null, 1]
-- -U[pen, s, 4, 1]
-- +U[pen, n, 3, 1]
-- -D[pen, n, 3, 2]
-- -U[pen, n, 3, 1]
-- +U[pen, s, 12, 1]
-- +I[pen, n, 3, 2]
-- +I[null, s, 2, 1]
-- -D[pad, n, null, 1]
-- +I[pad, n, 6, 1]
-- -U[pen, n, 3, 2]
-- +U[pen, e, 3, 2]
