SELECT 1.5E0 AS a, 1E3 AS b, -2.5E-1 AS c;

-- Flink 2.3.0:
-- columns: a DOUBLE NOT NULL, b DOUBLE NOT NULL, c DOUBLE NOT NULL
-- +I[1.5, 1000.0, -0.25]
