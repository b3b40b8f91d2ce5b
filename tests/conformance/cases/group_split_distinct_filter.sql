SET 'table.optimizer.distinct-agg.split.enabled' = 'true';
SELECT k, COUNT(DISTINCT i) AS n, COUNT(DISTINCT i) FILTER (WHERE i > 5) AS s, SUM(i) FILTER (WHERE i > 2) AS c FROM gaps GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, n BIGINT NOT NULL, s BIGINT NOT NULL, c INT
-- +I[a, 1, 0, null]
-- -U[a, 1, 0, null]
-- +U[a, 2, 0, null]
-- +I[null, 0, 0, null]
-- -U[a, 2, 0, null]
-- +U[a, 3, 1, 7]
-- +I[c, 1, 1, 8]
-- +I[d, 1, 1, 8]
-- -U[d, 1, 1, 8]
-- +U[d, 2, 2, 17]
-- -U[null, 0, 0, null]
-- +U[null, 1, 1, 10]
-- -U[a, 3, 1, 7]
-- +U[a, 4, 2, 18]
-- -U[a, 4, 2, 18]
-- +U[a, 5, 3, 30]
-- -U[a, 5, 3, 30]
-- +U[a, 6, 4, 43]
-- -U[a, 6, 4, 43]
-- +U[a, 5, 3, 30]
-- -U[a, 5, 3, 30]
-- +U[a, 6, 4, 56]
-- -U[a, 6, 4, 56]
-- +U[a, 7, 4, 56]
