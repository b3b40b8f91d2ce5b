-- compare: table
SELECT * FROM (SELECT id AS z FROM gaps WHERE id = 1) AS g, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e USING (id), (SELECT v AS w FROM events WHERE id = 2) AS h JOIN (SELECT v AS w, k FROM events WHERE id < 4) AS q USING (w);

-- Flink 2.3.0:
-- columns: w INT, id BIGINT, z BIGINT, amount DECIMAL(10, 2), x DOUBLE, k STRING
-- +I[2, 1, 1, 10.00, 1.5, b]
-- +I[2, 2, 1, 20.00, 0.25, b]
-- +I[2, 3, 1, 5.25, 1.0E7, b]
