SELECT PERCENTILE(i, 0.5) FILTER (WHERE i > 5) AS p FROM gaps;

-- Flink 2.3.0:
-- columns: p DOUBLE
-- +I[null]
-- -U[null]
-- +U[7.0]
-- -U[7.0]
-- +U[7.5]
-- -U[7.5]
-- +U[8.0]
-- -U[8.0]
-- +U[8.5]
-- -U[8.5]
-- +U[9.0]
-- -U[9.0]
-- +U[9.5]
-- -U[9.5]
-- +U[10.0]
