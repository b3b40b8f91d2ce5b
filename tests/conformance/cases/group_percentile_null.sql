SELECT PERCENTILE(i, CAST(NULL AS DOUBLE)) AS p FROM gaps;

-- Flink 2.3.0:
-- error: Invalid input arguments.
