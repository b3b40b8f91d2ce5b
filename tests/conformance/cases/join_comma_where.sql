-- compare: table
SELECT g.id AS a, p.amount, e.x FROM (SELECT id, i FROM gaps) AS g, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e ON p.id = e.id WHERE g.id = p.id;

-- Flink 2.3.0:
-- columns: a BIGINT, amount DECIMAL(10, 2), x DOUBLE
-- +I[1, 10.00, 1.5]
-- +I[2, 20.00, 0.25]
-- +I[3, 5.25, 1.0E7]
