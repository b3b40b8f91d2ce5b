SELECT id, 10 / (qty - 2) AS d FROM orders WHERE qty IS NOT NULL;

-- Flink 2.3.0:
-- error: / by zero
