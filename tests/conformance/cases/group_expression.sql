SELECT CHAR_LENGTH(product) AS l, qty > 2 AS big, COUNT(*) AS n FROM orders GROUP BY CHAR_LENGTH(product), qty > 2;

-- Flink 2.3.0:
-- columns: l INT, big BOOLEAN, n BIGINT NOT NULL
-- +I[3, false, 1]
-- -U[3, false, 1]
-- +U[3, false, 2]
-- +I[3, true, 1]
-- +I[3, null, 1]
-- +I[null, true, 1]
-- -U[3, false, 2]
-- +U[3, false, 3]
-- -U[3, false, 3]
-- +U[3, false, 4]
-- -U[3, true, 1]
-- +U[3, true, 2]
-- -U[3, false, 4]
-- +U[3, false, 5]
