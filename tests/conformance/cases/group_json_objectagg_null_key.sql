SELECT JSON_OBJECTAGG(KEY k VALUE id) AS l FROM gaps WHERE id = 3;

-- Flink 2.3.0:
-- error: Map views don't support null keys.
