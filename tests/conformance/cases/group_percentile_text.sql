SELECT PERCENTILE(k, 0.5) AS p FROM gaps;

-- Flink 2.3.0:
-- error: Invalid input arguments.
