SELECT k, id, x, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY x) AS rn FROM gaps) WHERE rn = id;

-- Flink 2.3.0:
-- columns: k STRING, id BIGINT, x DOUBLE, rn BIGINT NOT NULL
-- +I[a, 1, 0.1, 1]
-- +I[null, 3, 0.3, 1]
-- +I[c, 5, null, 1]
-- +I[d, 6, 0.5, 1]
-- +I[d, 7, 0.6, 2]
-- +I[null, 8, 0.7, 2]
-- -U[a, 1, 0.1, 1]
-- +U[a, 11, null, 1]
