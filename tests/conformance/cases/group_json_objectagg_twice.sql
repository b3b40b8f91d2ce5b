SELECT JSON_OBJECTAGG(KEY k VALUE amount) AS l FROM payments;

-- Flink 2.3.0:
-- error: Key 'a' is already present. Duplicate keys are not allowed in JSON_OBJECTAGG. Please ensure that keys are unique.
