SELECT id, ARRAY_AGG(v) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS l FROM events;

-- Flink 2.3.0:
-- columns: id BIGINT, l ARRAY<INT>
-- +I[1, [1]]
-- +I[2, [2]]
-- +I[3, [1, 4]]
-- +I[4, [1, 4, 5]]
-- +I[5, [1, 4, 5, 100]]
-- +I[6, [2, 6]]
-- +I[7, [1, 4, 5, 100, 7]]
-- +I[8, [null]]
-- +I[9, [2, 6, 9]]
