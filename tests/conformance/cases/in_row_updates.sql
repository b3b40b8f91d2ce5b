-- compare: table
SELECT name FROM customers WHERE (id, city) IN (SELECT id, city FROM customers WHERE id < 13);

-- Flink 2.3.0:
-- columns: name STRING
-- +I[Ada]
-- +I[Cy]
