-- compare: table
SELECT * FROM (SELECT id AS z FROM gaps WHERE id = 1) AS g, (SELECT amount, id FROM payments) AS p JOIN (SELECT x, id FROM events WHERE id < 4) AS e USING (id), (SELECT v AS w FROM events WHERE id = 2) AS h JOIN (SELECT v AS w, k FROM events WHERE id < 4) AS q USING (w);
