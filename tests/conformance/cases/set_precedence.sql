-- compare: table
SELECT v FROM events UNION ALL SELECT v FROM events INTERSECT SELECT i FROM gaps;

-- Flink 2.3.0:
-- columns: v INT
-- +I[100]
-- +I[1]
-- +I[1]
-- +I[2]
-- +I[2]
-- +I[4]
-- +I[5]
-- +I[6]
-- +I[7]
-- +I[7]
-- +I[9]
-- +I[9]
-- +I[null]
-- +I[null]
