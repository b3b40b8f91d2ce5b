SELECT k FROM events GROUP BY k HAVING COUNT(*) > 2 AND MAX(v) < 100;

-- Flink 2.3.0:
-- columns: k STRING
-- +U[a]
-- -U[a]
-- +U[b]
