SELECT k, COUNT(*) AS n FROM nothing GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, n BIGINT NOT NULL
