-- compare: table
SELECT id FROM payments WHERE (id, k) IN (SELECT v, k FROM events WHERE v < 5 UNION ALL SELECT id, k FROM gaps);
