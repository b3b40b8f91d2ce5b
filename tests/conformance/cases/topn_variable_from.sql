SELECT k, id, x, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY x) AS rn FROM gaps) WHERE rn <= id AND rn > 1;

-- Flink 2.3.0:
-- columns: k STRING, id BIGINT, x DOUBLE, rn BIGINT NOT NULL
-- +I[a, 2, 0.2, 2]
-- +I[a, 4, 1.0E16, 3]
-- +I[d, 7, 0.6, 2]
-- +I[null, 8, 0.7, 2]
-- +I[a, 9, 0.3, 3]
-- -U[a, 4, 1.0E16, 3]
-- +U[a, 4, 1.0E16, 4]
-- +I[a, 10, 0.4, 4]
-- -U[a, 4, 1.0E16, 4]
-- -U[a, 2, 0.2, 2]
-- -U[a, 9, 0.3, 3]
-- +U[a, 9, 0.3, 4]
-- -U[a, 10, 0.4, 4]
-- +U[a, 10, 0.4, 5]
-- +I[a, 12, 0.5, 6]
-- +I[a, 13, null, 2]
-- -U[a, 9, 0.3, 4]
-- +U[a, 9, 0.3, 5]
-- -U[a, 10, 0.4, 5]
-- +U[a, 10, 0.4, 6]
-- -U[a, 12, 0.5, 6]
-- +U[a, 12, 0.5, 7]
-- +I[a, 14, 0.6, 8]
