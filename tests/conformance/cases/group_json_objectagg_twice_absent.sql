SELECT JSON_OBJECTAGG(KEY k VALUE v ABSENT ON NULL) AS l FROM (VALUES ('b', CAST(NULL AS INT)), ('b', 2)) AS t(k, v);

-- Flink 2.3.0:
-- columns: l VARCHAR(2000) NOT NULL
-- +I[{}]
-- -U[{}]
-- +U[{"b":2}]
