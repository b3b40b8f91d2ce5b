SELECT window_start, window_end, FIRST_VALUE(id) AS f, LAST_VALUE(id) AS l FROM TABLE(CUMULATE(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- error: Could not find an implementation method 'merge' in class 'org.apache.flink.table.runtime.functions.aggregate.FirstValueAggFunction' for function 'FIRST_VALUE' that matches the following signature:
