SELECT a, COUNT(*) AS n FROM (VALUES (1), (2), (1)) AS t (a) GROUP BY a;

-- Flink 2.3.0:
-- columns: a INT NOT NULL, n BIGINT NOT NULL
-- +I[1, 1]
-- +I[2, 1]
-- -U[1, 1]
-- +U[1, 2]
