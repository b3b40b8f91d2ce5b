SELECT id, JSON_ARRAYAGG(x) AS s, JSON_OBJECTAGG(KEY 'a' VALUE CAST(x AS FLOAT)) AS a FROM (VALUES (1, 1.0E16), (2, 1.0E-4), (3, 1.0E7), (4, 1.0E-7), (5, CAST(1.5 AS DOUBLE)), (6, CAST(0 AS DOUBLE)), (7, 1.0E-3)) AS t(id, x) GROUP BY id;

-- Flink 2.3.0:
-- columns: id INT NOT NULL, s VARCHAR(2000) NOT NULL, a VARCHAR(2000) NOT NULL
-- +I[1, [1.0E+16], {"a":10000000272564224}]
-- +I[2, [0.00010], {"a":0.00009999999747378752}]
-- +I[3, [1.0E+7], {"a":1.0E+7}]
-- +I[4, [1.0E-7], {"a":1.0000000116860974E-7}]
-- +I[5, [1.5], {"a":1.5}]
-- +I[6, [0.0], {"a":0.0}]
-- +I[7, [0.001], {"a":0.0010000000474974513}]
