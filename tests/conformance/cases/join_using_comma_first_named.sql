-- compare: table
SELECT id, i FROM (SELECT id, i FROM gaps WHERE id < 3) AS g, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e USING (id);
