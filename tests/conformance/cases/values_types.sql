SELECT a, b, c FROM (VALUES (1, 'x', 1.5), (2, 'yy', 2.25), (CAST(NULL AS INT), 'z', 3)) AS T(a, b, c);

-- Flink 2.3.0:
-- columns: a INT, b VARCHAR(2) NOT NULL, c DECIMAL(12, 2) NOT NULL
-- +I[1, x, 1.50]
-- +I[2, yy, 2.25]
-- +I[null, z, 3.00]
