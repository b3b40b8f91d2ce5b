-- A stream that never brings a row.
SELECT COUNT(*) AS n, SUM(id) AS s FROM nothing;

-- Flink 2.3.0:
-- columns: n BIGINT NOT NULL, s BIGINT
