SELECT id, LAG(tags) OVER (PARTITION BY customer ORDER BY ts) AS a, COUNT(DISTINCT product) OVER (PARTITION BY customer ORDER BY ts) AS s FROM orders;

-- Flink 2.3.0:
-- columns: id BIGINT, a ARRAY<STRING>, s BIGINT NOT NULL
-- +I[1, null, 1]
-- +I[3, [red, fine], 2]
-- +I[2, null, 1]
-- +I[4, null, 1]
-- +I[5, null, 0]
-- +I[6, [blue], 2]
-- +I[8, null, 2]
-- +I[9, null, 1]
