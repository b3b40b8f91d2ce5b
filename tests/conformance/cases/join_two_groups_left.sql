-- compare: table
SELECT a.k, a.n, b.m FROM (SELECT k, COUNT(*) AS n FROM payments GROUP BY k) a LEFT JOIN (SELECT k, MAX(v) AS m FROM events GROUP BY k) b ON a.k = b.k;

-- Flink 2.3.0:
-- columns: k STRING, n BIGINT NOT NULL, m INT
-- +I[a, 8, 100]
-- +I[b, 2, 9]
