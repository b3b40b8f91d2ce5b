SELECT UPPER(k) AS u, COUNT(*) AS n FROM events GROUP BY UPPER(k);

-- Flink 2.3.0:
-- columns: u STRING, n BIGINT NOT NULL
-- +I[A, 1]
-- +I[B, 1]
-- -U[A, 1]
-- +U[A, 2]
-- -U[A, 2]
-- +U[A, 3]
-- -U[A, 3]
-- +U[A, 4]
-- -U[B, 1]
-- +U[B, 2]
-- -U[A, 4]
-- +U[A, 5]
-- +I[null, 1]
-- -U[B, 2]
-- +U[B, 3]
