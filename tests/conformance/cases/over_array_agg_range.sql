SELECT id, ARRAY_AGG(v) OVER (ORDER BY ts RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND CURRENT ROW) AS l FROM events;

-- Flink 2.3.0:
-- columns: id BIGINT, l ARRAY<INT>
-- +I[1, [1]]
-- +I[2, [1, 2]]
-- +I[3, [2, 4]]
-- +I[6, [4, 6]]
-- +I[4, [4, 6, 5]]
-- +I[7, [7]]
-- +I[8, [7, null]]
-- +I[9, [7, null, 9]]
