SELECT k, window_start, FIRST_VALUE(id) AS f, LAST_VALUE(id) AS l FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end;

-- Flink 2.3.0:
-- error: Could not find an implementation method 'merge' in class 'org.apache.flink.table.runtime.functions.aggregate.FirstValueAggFunction' for function 'FIRST_VALUE' that matches the following signature:
