-- compare: table
SELECT id, (SELECT MAX(v) FROM events) AS m FROM payments;

-- Flink 2.3.0:
-- columns: id BIGINT, m INT
-- +I[1, 100]
-- +I[10, 100]
-- +I[2, 100]
-- +I[3, 100]
-- +I[4, 100]
-- +I[5, 100]
-- +I[6, 100]
-- +I[7, 100]
-- +I[8, 100]
-- +I[9, 100]
