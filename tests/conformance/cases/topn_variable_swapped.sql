SELECT k, id, x FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY x) AS rn FROM gaps) WHERE id >= rn;

-- Flink 2.3.0:
-- columns: k STRING, id BIGINT, x DOUBLE
-- +I[a, 1, 0.1]
-- +I[null, 3, 0.3]
-- +I[c, 5, null]
-- +I[d, 6, 0.5]
-- +I[d, 7, 0.6]
-- +I[null, 8, 0.7]
-- -D[a, 1, 0.1]
-- +I[a, 11, null]
