-- compare: table
SELECT id FROM payments p WHERE (id, k) IN (SELECT v, k FROM events e WHERE e.id = p.id) OR id = 3;
