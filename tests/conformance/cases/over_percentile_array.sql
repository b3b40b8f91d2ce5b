SELECT id, PERCENTILE(v, ARRAY[0.5, 1.0]) OVER (PARTITION BY k ORDER BY ts) AS p FROM events;

-- Flink 2.3.0:
-- columns: id BIGINT, p ARRAY<DOUBLE>
-- +I[1, [1.0, 1.0]]
-- +I[2, [2.0, 2.0]]
-- +I[3, [2.5, 4.0]]
-- +I[4, [4.0, 5.0]]
-- +I[7, [4.5, 7.0]]
-- +I[8, null]
-- +I[9, [5.5, 9.0]]
