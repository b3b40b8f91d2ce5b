SELECT JSON_OBJECTAGG(KEY k VALUE v) AS l FROM (VALUES ('b', 'x "y" \ z'), ('a', '')) AS t(k, v);

-- Flink 2.3.0:
-- columns: l VARCHAR(2000) NOT NULL
-- +I[{"b":"x \"y\" \\ z"}]
-- -U[{"b":"x \"y\" \\ z"}]
-- +U[{"a":"","b":"x \"y\" \\ z"}]
