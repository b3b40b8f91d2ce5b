-- compare: table
SELECT * FROM (SELECT i, id FROM gaps WHERE id < 3) AS g JOIN (SELECT id, k FROM events) AS s USING (id), (SELECT amount, id AS y FROM payments) AS p JOIN (SELECT x, id AS y FROM events WHERE id < 3) AS e USING (y);
