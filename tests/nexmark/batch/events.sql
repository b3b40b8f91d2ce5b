-- The events for DuckDB: the same files and the same views, but all at once.
CREATE TABLE events AS
SELECT * FROM read_csv('${path}/*.csv', header = false, nullstr = '', columns = {
  'event_type': 'INTEGER', 'dateTime': 'TIMESTAMP', 'id': 'BIGINT', 'person_id': 'BIGINT',
  'price': 'BIGINT', 'reserve': 'BIGINT', 'expires': 'TIMESTAMP', 'category': 'BIGINT',
  'name': 'VARCHAR', 'detail': 'VARCHAR', 'creditCard': 'VARCHAR', 'city': 'VARCHAR',
  'state': 'VARCHAR', 'extra': 'VARCHAR'
});

CREATE VIEW person AS
SELECT id, name, detail AS emailAddress, creditCard, city, state, dateTime, extra
FROM events WHERE event_type = 0;

CREATE VIEW auction AS
SELECT
  id, name AS itemName, detail AS description, price AS initialBid, reserve, dateTime, expires,
  person_id AS seller, category, extra
FROM events WHERE event_type = 1;

CREATE VIEW bid AS
SELECT
  id AS auction, person_id AS bidder, price, name AS channel, detail AS url, dateTime, extra
FROM events WHERE event_type = 2;
