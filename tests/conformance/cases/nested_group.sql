SELECT items[1].sku AS s, COUNT(*) AS c FROM orders GROUP BY items[1].sku;

-- Flink 2.3.0:
-- columns: s STRING, c BIGINT NOT NULL
-- +I[p1, 1]
-- +I[i1, 1]
-- +I[null, 1]
-- -U[null, 1]
-- +U[null, 2]
-- -U[null, 2]
-- +U[null, 3]
-- -U[p1, 1]
-- +U[p1, 2]
-- +I[p3, 1]
-- -U[i1, 1]
-- +U[i1, 2]
-- +I[c1, 1]
