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

EXECUTE STATEMENT SET
BEGIN
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
END;
