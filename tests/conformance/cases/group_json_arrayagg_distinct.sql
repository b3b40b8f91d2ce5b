SELECT k, JSON_ARRAYAGG(DISTINCT i) AS l FROM gaps GROUP BY k;

-- Flink 2.3.0:
-- error: Incorrect syntax near the keyword 'DISTINCT' at line 1, column 25.
