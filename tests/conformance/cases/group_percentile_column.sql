SELECT k, PERCENTILE(amount, x) AS p FROM (SELECT k, p AS amount, x FROM gaps WHERE x < 1) AS t GROUP BY k;

-- Flink 2.3.0:
-- error: Invalid input arguments.
