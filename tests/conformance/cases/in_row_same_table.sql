-- compare: table
SELECT id FROM payments WHERE (id, k) IN (SELECT id + 1, k FROM payments);
