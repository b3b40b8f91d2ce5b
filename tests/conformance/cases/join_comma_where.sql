-- compare: table
SELECT g.id AS a, p.amount, e.x FROM (SELECT id, i FROM gaps) AS g, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e ON p.id = e.id WHERE g.id = p.id;
