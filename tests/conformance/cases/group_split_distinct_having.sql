SET 'table.optimizer.distinct-agg.split.enabled' = 'true';
SELECT k, COUNT(DISTINCT i) AS n, LISTAGG(CAST(i AS STRING), '|') AS c FROM gaps GROUP BY k HAVING COUNT(DISTINCT i) > 1;

-- Flink 2.3.0:
-- columns: k STRING, n BIGINT NOT NULL, c STRING
-- +U[a, 2, 1|2]
-- -U[a, 2, 1|2]
-- +U[a, 3, 1|2|7]
-- +U[d, 2, 8|9]
-- -U[a, 3, 1|2|7]
-- +U[a, 4, 1|2|7|11]
-- -U[a, 4, 1|2|7|11]
-- +U[a, 5, 1|2|7|11|12]
-- -U[a, 5, 1|2|7|11|12]
-- +U[a, 6, 1|2|7|11|12|13]
-- -U[a, 6, 1|2|7|11|12|13]
-- +U[a, 6, 1|2|7|11|12|13|13]
-- -U[a, 6, 1|2|7|11|12|13|13]
-- +U[a, 7, 1|2|7|11|12|13|13|-5]
