SELECT DISTINCT n FROM (SELECT product, COUNT(*) AS n FROM orders GROUP BY product);

-- Flink 2.3.0:
-- columns: n BIGINT NOT NULL
-- +I[1]
-- +I[2]
-- -D[2]
-- +I[3]
-- -D[3]
-- +I[4]
-- +I[2]
