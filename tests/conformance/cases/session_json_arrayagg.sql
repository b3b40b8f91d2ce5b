SELECT k, window_start, JSON_ARRAYAGG(id) AS l FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end;

-- Flink 2.3.0:
-- error: Could not find an implementation method 'merge' in class 'org.apache.flink.table.runtime.functions.aggregate.JsonArrayAggFunction' for function 'JSON_ARRAYAGG_ABSENT_ON_NULL' that matches the following signature:
