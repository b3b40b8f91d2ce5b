SELECT id, k, n, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY n ORDER BY id DESC) AS rn FROM (SELECT id, k, MOD(id, 3) AS n FROM payments)) WHERE rn <= n;

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, n INT, rn BIGINT NOT NULL
-- +I[1, a, 1, 1]
-- +I[2, a, 2, 1]
-- -U[1, a, 1, 1]
-- +U[4, a, 1, 1]
-- -U[2, a, 2, 1]
-- +U[5, a, 2, 1]
-- +I[2, a, 2, 2]
-- -U[4, a, 1, 1]
-- +U[7, a, 1, 1]
-- -U[5, a, 2, 1]
-- +U[8, a, 2, 1]
-- -U[2, a, 2, 2]
-- +U[5, a, 2, 2]
-- -U[7, a, 1, 1]
-- +U[10, a, 1, 1]
