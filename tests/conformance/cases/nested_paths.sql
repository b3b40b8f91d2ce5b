SELECT r.a, r.b, s.x.y AS z FROM (SELECT ROW(id, k) AS r0, CAST(ROW(id, k) AS ROW<a BIGINT, b STRING>) AS r, CAST(ROW(ROW(id)) AS ROW<x ROW<y BIGINT>>) AS s FROM payments);

-- Flink 2.3.0:
-- columns: a BIGINT, b STRING, z BIGINT
-- +I[1, a, 1]
-- +I[2, a, 2]
-- +I[3, b, 3]
-- +I[4, a, 4]
-- +I[5, a, 5]
-- +I[6, a, 6]
-- +I[7, a, 7]
-- +I[8, a, 8]
-- +I[9, b, 9]
-- +I[10, a, 10]
