SELECT city, c FROM (SELECT city, ARRAY_AGG(name) AS names FROM customers GROUP BY city) CROSS JOIN UNNEST(names) AS u (c);

-- Flink 2.3.0:
-- columns: city STRING, c STRING
-- +I[Rome, Ada]
-- +I[Oslo, Bo]
-- -U[Rome, Ada]
-- +U[Rome, Ada]
-- +U[Rome, Cy]
-- -U[Rome, Ada]
-- -U[Rome, Cy]
-- +U[Rome, Cy]
-- +I[Bern, Ada]
-- -D[Oslo, Bo]
-- +I[null, Di]
-- -D[Rome, Cy]
-- +I[Rome, Cy]
