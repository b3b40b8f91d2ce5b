-- ROW_NUMBER without a filter counts the rows so far.
SELECT id, k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS n FROM payments;

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, n BIGINT NOT NULL
-- +I[1, a, 1]
-- +I[2, a, 2]
-- +I[3, b, 1]
-- +I[6, a, 3]
-- +I[4, a, 4]
-- +I[5, a, 5]
-- +I[7, a, 6]
-- +I[8, a, 7]
-- +I[10, a, 8]
