SELECT customer, JSON_OBJECTAGG(KEY CAST(id AS STRING) VALUE JSON_OBJECT(KEY 'p' VALUE product)) AS l, JSON_OBJECTAGG(KEY CAST(id AS STRING) VALUE tags) AS t FROM orders GROUP BY customer;

-- Flink 2.3.0:
-- columns: customer BIGINT, l VARCHAR(2000) NOT NULL, t VARCHAR(2000) NOT NULL
-- +I[10, {"1":{"p":"pen"}}, {"1":["red","fine"]}]
-- +I[11, {"2":{"p":"ink"}}, {"2":["blue"]}]
-- -U[10, {"1":{"p":"pen"}}, {"1":["red","fine"]}]
-- +U[10, {"1":{"p":"pen"},"3":{"p":"pad"}}, {"1":["red","fine"],"3":[]}]
-- +I[12, {"4":{"p":"pen"}}, {"4":null}]
-- +I[null, {"5":{"p":null}}, {"5":["red",null]}]
-- -U[11, {"2":{"p":"ink"}}, {"2":["blue"]}]
-- +U[11, {"2":{"p":"ink"},"6":{"p":"pen"}}, {"2":["blue"],"6":["red","red"]}]
-- -U[10, {"1":{"p":"pen"},"3":{"p":"pad"}}, {"1":["red","fine"],"3":[]}]
-- +U[10, {"1":{"p":"pen"},"3":{"p":"pad"},"7":{"p":"pen"}}, {"1":["red","fine"],"3":[],"7":["fine"]}]
-- -U[12, {"4":{"p":"pen"}}, {"4":null}]
-- +U[12, {"4":{"p":"pen"},"8":{"p":"ink"}}, {"4":null,"8":["blue","red"]}]
-- +I[13, {"9":{"p":"cup"}}, {"9":["new"]}]
