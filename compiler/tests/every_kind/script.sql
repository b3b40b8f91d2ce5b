-- every kind
-- One node of every kind but files and generators; a real Flink 2.3.0 planned the script.

SET 'pipeline.name' = 'every kind';

CREATE TABLE s (
  id BIGINT,
  card INT NOT NULL,
  amount DECIMAL(10, 2),
  category STRING,
  `order` STRING,
  ts TIMESTAMP(3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH (
  'connector' = 'datagen',
  'number-of-rows' = '20',
  'fields.id.kind' = 'sequence',
  'fields.id.start' = '1',
  'fields.id.end' = '20',
  'fields.card.min' = '1',
  'fields.card.max' = '3',
  'fields.amount.min' = '1',
  'fields.amount.max' = '100'
);

CREATE TEMPORARY VIEW sel AS
SELECT ts, id, card, amount, `order` AS `value`
FROM s;

CREATE TEMPORARY VIEW der AS
SELECT ts, id, card, CAST(amount AS DOUBLE) AS amount, `value`, amount * 2 AS twice
FROM sel;

CREATE TEMPORARY VIEW fil AS
SELECT *
FROM der
WHERE amount > 5 OR `value` = 'x';

-- Any connector
CREATE TABLE src (
  id BIGINT NOT NULL COMMENT 'who',
  card INT NOT NULL,
  price DECIMAL(10, 2),
  tags ARRAY<STRING>,
  pairs MAP<STRING, INT>,
  seen_at TIMESTAMP(3),
  `day` AS CAST(seen_at AS DATE),
  WATERMARK FOR seen_at AS seen_at - INTERVAL '2' SECOND,
  PRIMARY KEY (id) NOT ENFORCED
)
COMMENT 'it''s made up'
WITH (
  'connector' = 'datagen',
  'number-of-rows' = '20'
);

CREATE TEMPORARY VIEW agg AS
SELECT card, COUNT(*) AS n, SUM(price) AS total
FROM src
GROUP BY card;

CREATE TEMPORARY VIEW agg_all AS
SELECT COUNT(DISTINCT card) AS n
FROM src;

CREATE TEMPORARY VIEW anti AS
SELECT l.id, l.card, l.amount, l.category, l.`order`, l.ts
FROM s AS l
WHERE NOT EXISTS (SELECT * FROM src AS r WHERE l.card = r.card);

CREATE TABLE csink (
  card INT,
  n BIGINT,
  total DECIMAL(38, 2),
  PRIMARY KEY (card) NOT ENFORCED
) WITH (
  'connector' = 'blackhole'
);

CREATE TEMPORARY VIEW few AS
SELECT id, price
FROM src;

CREATE TEMPORARY VIEW flat AS
SELECT id, card, price, pairs, seen_at, `day`, tag, `position`
FROM src
LEFT JOIN UNNEST(tags) WITH ORDINALITY AS u(tag, `position`) ON TRUE;

CREATE TEMPORARY VIEW flat_map AS
SELECT id, card, price, tags, seen_at, `day`, key, `value`
FROM src
CROSS JOIN UNNEST(pairs) AS u(key, `value`);

CREATE TEMPORARY VIEW ijo AS
SELECT l.id, l.ts, r.card, r.price, r.tags, r.pairs, r.seen_at AS seen, r.`day`
FROM s AS l
JOIN src AS r
  ON l.id = r.id
    AND r.seen_at BETWEEN l.ts - INTERVAL '10' MINUTE AND l.ts + INTERVAL '1' HOUR;

CREATE TEMPORARY VIEW joi AS
SELECT l.id, l.amount, r.id AS id_right, r.price
FROM s AS l
FULL JOIN src AS r ON l.id = r.id AND (l.amount > r.price OR price IS NULL);

CREATE TABLE p10 (
  id BIGINT,
  card INT,
  price DECIMAL(10, 2),
  tags ARRAY<STRING>,
  seen_at TIMESTAMP(3),
  `day` DATE,
  key STRING,
  `value` INT
) WITH (
  'connector' = 'print'
);

CREATE TABLE p11 (
  id BIGINT,
  amount DECIMAL(10, 2),
  id_right BIGINT,
  price DECIMAL(10, 2)
) WITH (
  'connector' = 'print'
);

CREATE TABLE p12 (
  id BIGINT,
  card INT,
  amount DECIMAL(10, 2),
  category STRING,
  `order` STRING,
  ts TIMESTAMP(3)
) WITH (
  'connector' = 'print'
);

CREATE TABLE p13 (
  id BIGINT,
  ts TIMESTAMP(3),
  card INT,
  price DECIMAL(10, 2),
  tags ARRAY<STRING>,
  pairs MAP<STRING, INT>,
  seen TIMESTAMP(3),
  `day` DATE
) WITH (
  'connector' = 'print'
);

CREATE TABLE p6 (
  n BIGINT
) WITH (
  'connector' = 'print'
);

CREATE TABLE p9 (
  id BIGINT,
  card INT,
  price DECIMAL(10, 2),
  pairs MAP<STRING, INT>,
  seen_at TIMESTAMP(3),
  `day` DATE,
  tag STRING,
  `position` INT
) WITH (
  'connector' = 'print'
);

CREATE TEMPORARY VIEW ses AS
SELECT window_start, window_end, window_time, card, COUNT(*) AS n
FROM SESSION(TABLE src PARTITION BY card, DESCRIPTOR(seen_at), INTERVAL '30' MINUTE)
GROUP BY window_start, window_end, window_time, card;

CREATE TEMPORARY VIEW top AS
SELECT *
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY card ORDER BY price DESC, id) AS place
  FROM src
)
WHERE place <= 3;

CREATE TABLE p7 (
  id BIGINT,
  card INT,
  price DECIMAL(10, 2),
  tags ARRAY<STRING>,
  pairs MAP<STRING, INT>,
  seen_at TIMESTAMP(3),
  `day` DATE,
  place BIGINT
) WITH (
  'connector' = 'print'
);

CREATE TEMPORARY VIEW top_all AS
SELECT card, n, total
FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY n DESC) AS row_num FROM agg)
WHERE row_num <= 10;

CREATE TABLE csink_2 (
  card INT,
  n BIGINT,
  total DECIMAL(38, 2)
) WITH (
  'connector' = 'print'
);

CREATE TEMPORARY VIEW uni AS
SELECT *
FROM fil
UNION ALL
SELECT *
FROM der;

CREATE TEMPORARY VIEW cum AS
SELECT window_start, window_end, window_time, MAX(amount) AS n
FROM CUMULATE(TABLE uni, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY)
GROUP BY window_start, window_end, window_time;

CREATE TEMPORARY VIEW ded AS
SELECT ts, id, card, amount, `value`, twice
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY card ORDER BY ts ASC) AS row_num
  FROM uni
)
WHERE row_num = 1;

CREATE TEMPORARY VIEW hop AS
SELECT
  window_start,
  window_end,
  window_time,
  COUNT(DISTINCT card) FILTER (WHERE amount > 3) AS n
FROM HOP(
  TABLE uni,
  DESCRIPTOR(ts),
  INTERVAL '1' MINUTE,
  INTERVAL '10' MINUTE,
  INTERVAL '0.5' SECOND
)
GROUP BY window_start, window_end, window_time;

CREATE TABLE p1 (
  ts TIMESTAMP(3),
  id BIGINT,
  card INT,
  amount DOUBLE,
  `value` STRING,
  twice DECIMAL(21, 2)
) WITH (
  'connector' = 'print',
  'print-identifier' = 'it''s'
);

CREATE TABLE p3 (
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  window_time TIMESTAMP(3),
  n BIGINT
) WITH (
  'connector' = 'print'
);

CREATE TABLE p4 (
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  window_time TIMESTAMP(3),
  n DOUBLE
) WITH (
  'connector' = 'print'
);

CREATE TEMPORARY VIEW ran AS
SELECT *, COUNT(*) OVER w AS n, SUM(amount) OVER w AS total
FROM uni
WINDOW
  w AS (
    PARTITION BY card, `value`
    ORDER BY ts
    RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW
  );

CREATE TEMPORARY VIEW row_frame AS
SELECT *, MIN(amount) OVER w AS least
FROM ran
WINDOW w AS (ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW);

CREATE TEMPORARY VIEW lag_of AS
SELECT *, LAG(ts) OVER w AS previous_ts, LAG(amount, 2) OVER w AS previous
FROM row_frame
WINDOW w AS (PARTITION BY card ORDER BY ts);

CREATE TABLE p5 (
  ts TIMESTAMP(3),
  id BIGINT,
  card INT,
  amount DOUBLE,
  `value` STRING,
  twice DECIMAL(21, 2),
  n BIGINT,
  total DOUBLE,
  least DOUBLE,
  previous_ts TIMESTAMP(3),
  previous DOUBLE
) WITH (
  'connector' = 'print'
);

CREATE TEMPORARY VIEW query AS
WITH renamed AS (
  SELECT *
  FROM lag_of
),
big AS (
  SELECT *
  FROM renamed
  WHERE amount > 10
)
SELECT id, ts, card, amount, n
FROM big;

CREATE MODEL mod__model INPUT (
  x FLOAT,
  y FLOAT
) OUTPUT (
  score DOUBLE
) WITH (
  'provider' = 'onnx',
  'path' = 'm.onnx'
);

CREATE TEMPORARY VIEW mod__input AS
SELECT *, CAST(amount AS FLOAT) AS mod__x, CAST(n AS FLOAT) AS mod__y
FROM query;

CREATE TEMPORARY VIEW `mod` AS
SELECT id, ts, card, amount, n, score
FROM ML_PREDICT(TABLE mod__input, MODEL mod__model, DESCRIPTOR(mod__x, mod__y));

CREATE TABLE fs (
  id BIGINT,
  ts TIMESTAMP(3),
  card INT,
  amount DOUBLE,
  n BIGINT,
  score DOUBLE
) WITH (
  'connector' = 'filesystem',
  'path' = 'out',
  'format' = 'json'
);

CREATE TEMPORARY VIEW tum AS
SELECT window_start, window_end, window_time, card, COUNT(*) AS n, AVG(amount) AS a
FROM TUMBLE(TABLE uni, DESCRIPTOR(ts), INTERVAL '100' MINUTE(3))
GROUP BY window_start, window_end, window_time, card;

CREATE TABLE p2 (
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  window_time TIMESTAMP(3),
  card INT,
  n BIGINT,
  a DOUBLE
) WITH (
  'connector' = 'print'
);

CREATE TEMPORARY VIEW ver AS
SELECT id, card, price, tags, pairs, seen_at, `day`
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY card ORDER BY seen_at DESC) AS row_num
  FROM src
)
WHERE row_num = 1;

CREATE TEMPORARY VIEW tjo AS
SELECT l.id, l.card, l.ts, r.price
FROM s AS l
LEFT JOIN ver FOR SYSTEM_TIME AS OF l.ts AS r ON l.card = r.card;

CREATE TABLE p14 (
  id BIGINT,
  card INT,
  ts TIMESTAMP(3),
  price DECIMAL(10, 2)
) WITH (
  'connector' = 'print'
);

CREATE TABLE wide (
  id BIGINT,
  note STRING,
  price DECIMAL(10, 2)
) WITH (
  'connector' = 'blackhole'
);

CREATE TEMPORARY VIEW wtop AS
SELECT *
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY n DESC) AS place
  FROM ses
)
WHERE place <= 5;

CREATE TABLE p8 (
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  window_time TIMESTAMP(3),
  card INT,
  n BIGINT,
  place BIGINT
) WITH (
  'connector' = 'print'
);

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO csink
  SELECT *
  FROM agg;

  INSERT INTO p10
  SELECT *
  FROM flat_map;

  INSERT INTO p11
  SELECT *
  FROM joi;

  INSERT INTO p12
  SELECT *
  FROM anti;

  INSERT INTO p13
  SELECT id, ts, card, price, tags, pairs, CAST(seen AS TIMESTAMP(3)) AS seen, `day`
  FROM ijo;

  INSERT INTO p6
  SELECT *
  FROM agg_all;

  INSERT INTO p9
  SELECT *
  FROM flat;

  INSERT INTO p7
  SELECT *
  FROM top;

  INSERT INTO csink_2
  SELECT *
  FROM top_all;

  INSERT INTO p1
  SELECT *
  FROM ded;

  INSERT INTO p3
  SELECT *
  FROM hop;

  INSERT INTO p4
  SELECT *
  FROM cum;

  INSERT INTO p5
  SELECT *
  FROM lag_of;

  INSERT INTO fs
  SELECT *
  FROM `mod`;

  INSERT INTO p2
  SELECT *
  FROM tum;

  INSERT INTO p14
  SELECT *
  FROM tjo;

  INSERT INTO wide (id, price)
  SELECT *
  FROM few;

  INSERT INTO p8
  SELECT *
  FROM wtop;
END;
