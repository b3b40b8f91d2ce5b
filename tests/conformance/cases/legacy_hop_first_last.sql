SELECT FIRST_VALUE(id) AS f, LAST_VALUE(id) AS l, HOP_START(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND) AS s FROM events GROUP BY HOP(ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND);

-- Flink 2.3.0:
-- error: Could not find an implementation method 'merge' in class 'org.apache.flink.table.runtime.functions.aggregate.FirstValueAggFunction' for function 'FIRST_VALUE' that matches the following signature:
