-- What a sum of small integers is.
SELECT k, SUM(CAST(v AS TINYINT)) AS t, SUM(CAST(v AS SMALLINT)) AS s, AVG(CAST(v AS TINYINT)) AS a, SUM(CAST(v AS BIGINT)) AS b, SUM(CAST(x AS FLOAT)) AS f FROM events WHERE v < 50 GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, t TINYINT, s SMALLINT, a TINYINT, b BIGINT, f FLOAT
-- +I[a, 1, 1, 1, 1, 1.5]
-- +I[b, 2, 2, 2, 2, 0.25]
-- -U[a, 1, 1, 1, 1, 1.5]
-- +U[a, 5, 5, 2, 5, 1.0000002E7]
-- -U[a, 5, 5, 2, 5, 1.0000002E7]
-- +U[a, 10, 10, 3, 10, 1.0000002E7]
-- -U[b, 2, 2, 2, 2, 0.25]
-- +U[b, 8, 8, 4, 8, 0.35]
-- -U[a, 10, 10, 3, 10, 1.0000002E7]
-- +U[a, 17, 17, 4, 17, 1.0000004E7]
-- -U[b, 8, 8, 4, 8, 0.35]
-- +U[b, 17, 17, 5, 17, 0.35009998]
