-- compare: table
SELECT id FROM payments WHERE (id, k) NOT IN (SELECT v, k FROM events WHERE v IS NOT NULL) OR id = 3;

-- Flink 2.3.0:
-- error: We now only support the count of one field.
