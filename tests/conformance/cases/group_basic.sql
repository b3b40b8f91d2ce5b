-- Aggregates of rows that only come, NULLs among keys and values.
SELECT k, COUNT(*) AS n, COUNT(v) AS filled, SUM(v) AS s, AVG(v) AS a, MIN(v) AS lo, MAX(v) AS hi FROM events GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, n BIGINT NOT NULL, filled BIGINT NOT NULL, s INT, a INT, lo INT, hi INT
-- +I[a, 1, 1, 1, 1, 1, 1]
-- +I[b, 1, 1, 2, 2, 2, 2]
-- -U[a, 1, 1, 1, 1, 1, 1]
-- +U[a, 2, 2, 5, 2, 1, 4]
-- -U[a, 2, 2, 5, 2, 1, 4]
-- +U[a, 3, 3, 10, 3, 1, 5]
-- -U[a, 3, 3, 10, 3, 1, 5]
-- +U[a, 4, 4, 110, 27, 1, 100]
-- -U[b, 1, 1, 2, 2, 2, 2]
-- +U[b, 2, 2, 8, 4, 2, 6]
-- -U[a, 4, 4, 110, 27, 1, 100]
-- +U[a, 5, 5, 117, 23, 1, 100]
-- +I[null, 1, 0, null, null, null, null]
-- -U[b, 2, 2, 8, 4, 2, 6]
-- +U[b, 3, 3, 17, 5, 2, 9]
