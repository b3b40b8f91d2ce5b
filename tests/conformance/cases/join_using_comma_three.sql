-- compare: table
SELECT * FROM (SELECT id AS z FROM gaps WHERE id = 1) AS g, (SELECT v AS w FROM events WHERE id = 2) AS h, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e USING (id);

-- Flink 2.3.0:
-- columns: id BIGINT, z BIGINT, w INT, amount DECIMAL(10, 2), x DOUBLE
-- +I[1, 1, 2, 10.00, 1.5]
-- +I[2, 1, 2, 20.00, 0.25]
-- +I[3, 1, 2, 5.25, 1.0E7]
