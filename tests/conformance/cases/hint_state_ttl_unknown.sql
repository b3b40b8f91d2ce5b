SELECT /*+ STATE_TTL('q' = '1 d') */ k, COUNT(*) AS n FROM payments AS p GROUP BY k;

-- Flink 2.3.0:
-- error: The options of following hints cannot match the name of input tables or views: 
