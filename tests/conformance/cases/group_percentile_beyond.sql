SELECT PERCENTILE(amount, 1.5) AS p FROM payments;

-- Flink 2.3.0:
-- error: Invalid input arguments.
