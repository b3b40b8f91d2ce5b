SELECT k, JSON_ARRAYAGG(i) FILTER (WHERE i > 2) AS l FROM gaps GROUP BY k;

-- Flink 2.3.0:
-- error: Incorrect syntax near the keyword 'FILTER' at line 1, column 28.
