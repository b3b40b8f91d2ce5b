-- Regular join, then nothing: people who sell in three categories.
CREATE TABLE `result` (name STRING, city STRING, state STRING, id BIGINT) WITH (${sink});

INSERT INTO `result`
SELECT P.name, P.city, P.state, A.id
FROM auction AS A JOIN person AS P ON A.seller = P.id
WHERE A.category IN (10, 12, 14);
