SET 'table.optimizer.distinct-agg.split.enabled' = 'true';
SELECT k, AVG(DISTINCT i) AS a, MIN(DISTINCT i) AS m, STDDEV_POP(DISTINCT x) AS d, FIRST_VALUE(DISTINCT i) AS f FROM gaps GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, a INT, m INT, d DOUBLE, f INT
-- +I[a, 1, 1, 0.0, 1]
-- -U[a, 1, 1, 0.0, 1]
-- +U[a, 1, 1, 0.049999999999999996, 1]
-- +I[null, null, null, 0.0, null]
-- -U[a, 1, 1, 0.049999999999999996, 1]
-- +U[a, 3, 1, 4.714045207910317E15, 1]
-- +I[c, 8, 8, null, 8]
-- +I[d, 8, 8, 0.0, 8]
-- -U[d, 8, 8, 0.0, 8]
-- +U[d, 8, 8, 0.04999999999999996, 8]
-- -U[null, null, null, 0.0, null]
-- +U[null, 10, 10, 0.19999999999999996, 10]
-- -U[a, 3, 1, 4.714045207910317E15, 1]
-- +U[a, 5, 1, 4.330127018922193E15, 1]
-- -U[a, 5, 1, 4.330127018922193E15, 1]
-- +U[a, 6, 1, 4.0E15, 1]
-- -U[a, 6, 1, 4.0E15, 1]
-- +U[a, 7, 1, 3.7267799624996495E15, 1]
-- -U[a, 7, 1, 3.7267799624996495E15, 1]
-- +U[a, 5, -5, 3.4992710611188255E15, 1]
