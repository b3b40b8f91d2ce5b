-- The events in CSV files: the 14 columns that `millstream nexmark generate` writes.
CREATE TABLE events (
  event_type INT,
  `dateTime` TIMESTAMP(3),
  id BIGINT,
  person_id BIGINT,
  price BIGINT,
  reserve BIGINT,
  expires TIMESTAMP(3),
  category BIGINT,
  name STRING,
  detail STRING,
  creditCard STRING,
  city STRING,
  state STRING,
  extra STRING,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = '${path}',
  'format' = 'csv',
  'csv.null-literal' = ''
);

CREATE VIEW person AS
SELECT id, name, detail AS emailAddress, creditCard, city, state, `dateTime`, extra
FROM events
WHERE event_type = 0;

CREATE VIEW auction AS
SELECT
  id, name AS itemName, detail AS description, price AS initialBid, reserve, `dateTime`, expires,
  person_id AS seller, category, extra
FROM events
WHERE event_type = 1;

CREATE VIEW bid AS
SELECT
  id AS auction, person_id AS bidder, price, name AS channel, detail AS url, `dateTime`, extra
FROM events
WHERE event_type = 2;
