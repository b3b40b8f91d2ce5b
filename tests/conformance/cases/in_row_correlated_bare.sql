-- compare: table
SELECT id FROM payments WHERE (id, k) IN (SELECT v, k FROM events WHERE v < amount);
