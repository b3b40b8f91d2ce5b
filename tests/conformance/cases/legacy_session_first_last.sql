SELECT k, FIRST_VALUE(id) AS f, LAST_VALUE(id) AS l FROM events GROUP BY k, SESSION(ts, INTERVAL '4' SECOND);

-- Flink 2.3.0:
-- error: Could not find an implementation method 'merge' in class 'org.apache.flink.table.runtime.functions.aggregate.FirstValueAggFunction' for function 'FIRST_VALUE' that matches the following signature:
