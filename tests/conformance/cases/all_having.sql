-- compare: table
SELECT k, SUM(id) FROM payments GROUP BY k HAVING SUM(id) > ALL (SELECT v FROM events WHERE v < 20);

-- Flink 2.3.0:
-- columns: k STRING, EXPR$1 BIGINT
-- +I[a, 43]
-- +I[b, 12]
