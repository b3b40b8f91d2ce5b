-- compare: table
SELECT c.name, s.product, s.qty FROM customers AS c CROSS JOIN (SELECT * FROM stock WHERE warehouse = 's') AS s;

-- Flink 2.3.0:
-- columns: name STRING, product STRING, qty INT
-- +I[Ada, ink, 7]
-- +I[Ada, null, 2]
-- +I[Ada, pen, 12]
-- +I[Cy, ink, 7]
-- +I[Cy, null, 2]
-- +I[Cy, pen, 12]
-- +I[Di, ink, 7]
-- +I[Di, null, 2]
-- +I[Di, pen, 12]
