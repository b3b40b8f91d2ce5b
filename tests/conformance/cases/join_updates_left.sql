-- compare: table
SELECT c.name, s.qty FROM customers c LEFT JOIN stock s ON c.city = s.warehouse;

-- Flink 2.3.0:
-- columns: name STRING, qty INT
-- +I[Ada, null]
-- +I[Cy, null]
-- +I[Di, null]
