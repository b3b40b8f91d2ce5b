SELECT JSON_OBJECTAGG(KEY id VALUE amount) AS l FROM payments;

-- Flink 2.3.0:
-- error: Cannot apply 'JSON_OBJECTAGG_NULL_ON_NULL' to arguments of type 'JSON_OBJECTAGG_NULL_ON_NULL(<BIGINT>, <DECIMAL(10, 2)>)'. Supported form(s): 'JSON_OBJECTAGG_NULL_ON_NULL(<CHARACTER>, <ANY>)'
