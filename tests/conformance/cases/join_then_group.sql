-- compare: table
SELECT c.city, COUNT(*) AS n, SUM(o.qty) AS q FROM orders AS o LEFT JOIN customers AS c ON o.customer = c.id GROUP BY c.city;

-- Flink 2.3.0:
-- columns: city STRING, n BIGINT NOT NULL, q INT
-- +I[Bern, 3, 9]
-- +I[Rome, 2, 3]
-- +I[null, 4, 9]
