SELECT city, name FROM customers;

-- Flink 2.3.0:
-- columns: city STRING, name STRING
-- +I[Rome, Ada]
-- +I[Oslo, Bo]
-- +I[Rome, Cy]
-- -U[Rome, Ada]
-- +U[Bern, Ada]
-- -D[Oslo, Bo]
-- +I[null, Di]
-- -U[Rome, Cy]
-- +U[Rome, Cy]
