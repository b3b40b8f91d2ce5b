SELECT k, STDDEV_POP(v) AS sp, VAR_SAMP(v) AS vs, STDDEV(v) AS s, VARIANCE(v) AS va FROM events GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, sp INT, vs INT, s INT, va INT
-- +I[a, 0, null, null, null]
-- +I[b, 0, null, null, null]
-- -U[a, 0, null, null, null]
-- +U[a, 1, 4, 2, 4]
-- -U[a, 1, 4, 2, 4]
-- +U[a, 1, 4, 2, 4]
-- -U[a, 1, 4, 2, 4]
-- +U[a, 41, 2339, 48, 2339]
-- -U[b, 0, null, null, null]
-- +U[b, 2, 8, 2, 8]
-- -U[a, 41, 2339, 48, 2339]
-- +U[a, 38, 1838, 42, 1838]
-- +I[null, null, null, null, null]
-- -U[b, 2, 8, 2, 8]
-- +U[b, 2, 12, 3, 12]
