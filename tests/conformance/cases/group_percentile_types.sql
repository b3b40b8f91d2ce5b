SELECT k, PERCENTILE(v, 0.25) AS a, PERCENTILE(x, 0.25) AS b, PERCENTILE(id, 1) AS c, PERCENTILE(v, 0) AS d FROM events GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, a DOUBLE, b DOUBLE, c DOUBLE, d DOUBLE
-- +I[a, 1.0, 1.5, 1.0, 1.0]
-- +I[b, 2.0, 0.25, 2.0, 2.0]
-- -U[a, 1.0, 1.5, 1.0, 1.0]
-- +U[a, 1.75, 2500001.125, 3.0, 1.0]
-- -U[a, 1.75, 2500001.125, 3.0, 1.0]
-- +U[a, 2.5, 0.75, 4.0, 1.0]
-- -U[a, 2.5, 0.75, 4.0, 1.0]
-- +U[a, 3.25, 1.125, 5.0, 1.0]
-- -U[b, 2.0, 0.25, 2.0, 2.0]
-- +U[b, 3.0, 0.1375, 6.0, 2.0]
-- -U[a, 3.25, 1.125, 5.0, 1.0]
-- +U[a, 4.0, 1.5, 7.0, 1.0]
-- +I[null, null, null, 8.0, null]
-- -U[b, 3.0, 0.1375, 6.0, 2.0]
-- +U[b, 4.0, 0.050050000000000004, 9.0, 2.0]
