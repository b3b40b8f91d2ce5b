-- compare: table
SELECT * FROM (SELECT id AS z, x FROM gaps) AS g, (SELECT amount, id FROM payments) AS p NATURAL JOIN (SELECT x, id FROM events WHERE id < 4) AS e;

-- Flink 2.3.0:
-- columns: x DOUBLE, id BIGINT, z BIGINT, amount DECIMAL(10, 2)
