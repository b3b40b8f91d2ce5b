SELECT id, JSON_OBJECTAGG(KEY CAST(id AS STRING) VALUE v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS l FROM events;

-- Flink 2.3.0:
-- error: Incorrect syntax near the keyword 'OVER' at line 1, column 59.
