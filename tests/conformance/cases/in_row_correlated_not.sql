-- compare: table
SELECT id FROM payments p WHERE (id, k) NOT IN (SELECT v, k FROM events e WHERE e.id = p.id AND v IS NOT NULL AND k IS NOT NULL);
