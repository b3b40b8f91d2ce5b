SET 'table.optimizer.distinct-agg.split.enabled' = 'true';
SELECT k, COUNT(DISTINCT k) AS n, COUNT(*) AS c FROM gaps GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, n BIGINT NOT NULL, c BIGINT NOT NULL
-- +I[a, 1, 1]
-- -D[a, 1, 1]
-- +I[a, 1, 2]
-- +I[null, 0, 1]
-- -D[a, 1, 2]
-- +I[a, 1, 3]
-- +I[c, 1, 1]
-- +I[d, 1, 1]
-- -D[d, 1, 1]
-- +I[d, 1, 2]
-- -D[null, 0, 1]
-- +I[null, 0, 2]
-- -D[a, 1, 3]
-- +I[a, 1, 4]
-- -D[a, 1, 4]
-- +I[a, 1, 5]
-- -D[a, 1, 5]
-- +I[a, 1, 6]
-- -D[a, 1, 6]
-- +I[a, 1, 7]
-- -D[a, 1, 7]
-- +I[a, 1, 8]
-- -D[a, 1, 8]
-- +I[a, 1, 9]
