SELECT id, LEAD(v) OVER (ORDER BY p) AS a FROM (SELECT id, k, v, PROCTIME() AS p FROM events) AS t;

-- Flink 2.3.0:
-- error: LEAD Function is not supported in stream mode.
