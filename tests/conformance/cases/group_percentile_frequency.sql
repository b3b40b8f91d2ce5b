SELECT k, PERCENTILE(x, 0.3, i) AS p FROM gaps GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, p DOUBLE
-- +I[a, 0.1]
-- -U[a, 0.1]
-- +U[a, 0.16000000000000003]
-- +I[null, null]
-- -U[a, 0.16000000000000003]
-- +U[a, 6.999999999999997E15]
-- +I[c, null]
-- +I[d, 0.5]
-- -U[null, null]
-- +U[null, 0.7]
-- -U[a, 6.999999999999997E15]
-- +U[a, 0.3]
-- -U[a, 0.3]
-- +U[a, 0.35]
