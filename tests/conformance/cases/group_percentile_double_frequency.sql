SELECT PERCENTILE(i, 0.5, x) AS p FROM gaps;

-- Flink 2.3.0:
-- error: Invalid input arguments.
