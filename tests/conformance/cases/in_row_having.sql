-- compare: table
SELECT k, COUNT(*) AS c FROM payments GROUP BY k HAVING (k, COUNT(*)) IN (SELECT k, COUNT(*) FROM events GROUP BY k);

-- Flink 2.3.0:
-- columns: k STRING, c BIGINT NOT NULL
