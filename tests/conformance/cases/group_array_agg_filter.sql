SELECT k, ARRAY_AGG(id) FILTER (WHERE amount > 9) AS l FROM payments GROUP BY k;

-- Flink 2.3.0:
-- columns: k STRING, l ARRAY<BIGINT>
-- +I[a, [1]]
-- -U[a, [1]]
-- +U[a, [1, 2]]
-- +I[b, null]
-- -U[a, [1, 2]]
-- +U[a, [1, 2, 4]]
-- -U[a, [1, 2, 4]]
-- +U[a, [1, 2, 4, 5]]
-- -U[b, null]
-- +U[b, [9]]
-- -U[a, [1, 2, 4, 5]]
-- +U[a, [1, 2, 4, 5, 10]]
