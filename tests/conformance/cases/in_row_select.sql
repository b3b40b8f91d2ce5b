-- compare: table
SELECT id, (id, k) IN (SELECT v, k FROM events WHERE v IS NOT NULL AND k IS NOT NULL) AS c FROM payments;

-- Flink 2.3.0:
-- error: We now only support the count of one field.
