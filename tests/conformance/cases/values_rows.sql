SELECT a, b + 1 AS c FROM (VALUES (1, 2.5), (2, CAST(NULL AS DECIMAL(3, 1))), (1, 7.0)) AS t (a, b);

-- Flink 2.3.0:
-- columns: a INT NOT NULL, c DECIMAL(12, 1)
-- +I[1, 3.5]
-- +I[2, null]
-- +I[1, 8.0]
