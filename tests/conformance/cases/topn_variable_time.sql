SELECT k, id, ts, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS rn FROM gaps) WHERE rn <= id;

-- Flink 2.3.0:
-- columns: k STRING, id BIGINT, ts TIMESTAMP(3) *ROWTIME*, rn BIGINT NOT NULL
-- +I[a, 1, 2024-01-01T00:00:10, 1]
-- -U[a, 1, 2024-01-01T00:00:10, 1]
-- +U[a, 2, 2024-01-01T00:00:08, 1]
-- +I[null, 3, 2024-01-01T00:00:12, 1]
-- +I[c, 5, 2024-01-01T00:00:20, 1]
-- +I[d, 6, 2024-01-01T00:00:25, 1]
-- +I[d, 7, 2024-01-01T00:00:25, 2]
-- +I[null, 8, 2024-01-01T00:01:10, 2]
