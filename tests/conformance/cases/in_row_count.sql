-- compare: table
SELECT id FROM payments WHERE (id, k) IN (SELECT v FROM events);

-- Flink 2.3.0:
-- error: Values passed to IN operator must have compatible types
