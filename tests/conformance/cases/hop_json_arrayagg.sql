SELECT window_start, JSON_ARRAYAGG(id) AS l FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- error: Could not find an implementation method 'merge' in class 'org.apache.flink.table.runtime.functions.aggregate.JsonArrayAggFunction' for function 'JSON_ARRAYAGG_ABSENT_ON_NULL' that matches the following signature:
