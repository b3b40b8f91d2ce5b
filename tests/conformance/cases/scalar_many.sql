-- compare: table
SELECT id, (SELECT v FROM events) AS m FROM payments;

-- Flink 2.3.0:
-- error: SingleValueAggFunction received more than one element.
