-- The tables that every case may read. ${data} is the folder beside this file.

-- Payments of two customers: 4 and 5 at the same moment, 6 out of order, 9 after the watermark.
CREATE TABLE payments (
    id BIGINT,
    k STRING,
    ts TIMESTAMP(3),
    amount DECIMAL(10, 2),
    WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${data}/payments.csv', 'format' = 'csv');

-- NULLs everywhere but in id and ts; doubles that do not add up; 5 after the watermark, 6 and 7 on it.
CREATE TABLE gaps (
    id BIGINT,
    k STRING,
    ts TIMESTAMP(3),
    p DECIMAL(10, 2),
    x DOUBLE,
    i INT,
    WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH (
    'connector' = 'filesystem', 'path' = '${data}/gaps.csv', 'format' = 'csv', 'csv.null-literal' = ''
);

-- Events around windows of 10 s: 5 is late for the first window, 6 stands on the watermark.
CREATE TABLE events (
    id BIGINT,
    ts TIMESTAMP(3),
    k STRING,
    v INT,
    x DOUBLE,
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH (
    'connector' = 'filesystem', 'path' = '${data}/events.csv', 'format' = 'csv', 'csv.null-literal' = ''
);

-- Nested columns, and NULLs in them. 3 and 7 are out of order, 7 after the watermark.
CREATE TABLE orders (
    id BIGINT,
    customer BIGINT,
    product STRING,
    qty INT,
    price DECIMAL(10, 2),
    tags ARRAY<STRING>,
    attrs MAP<STRING, INT>,
    items ARRAY<ROW<sku STRING, n INT>>,
    ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts - INTERVAL '2' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${data}/orders.json', 'format' = 'json');

-- A changelog without a key: inserts, updates (one moves a row to another warehouse) and deletes.
CREATE TABLE stock (
    product STRING,
    warehouse STRING,
    qty INT
) WITH ('connector' = 'filesystem', 'path' = '${data}/stock.json', 'format' = 'debezium-json');

-- A changelog with a key: 11 leaves, 14 has no city, 12 changes nothing but since.
CREATE TABLE customers (
    id BIGINT,
    name STRING,
    city STRING,
    since TIMESTAMP(3),
    PRIMARY KEY (id) NOT ENFORCED
) WITH ('connector' = 'filesystem', 'path' = '${data}/customers.json', 'format' = 'debezium-json');

-- Sales with a beginning and an end.
CREATE TABLE auctions (
    id BIGINT,
    item STRING,
    seller STRING,
    opened TIMESTAMP(3),
    expires TIMESTAMP(3),
    WATERMARK FOR opened AS opened - INTERVAL '1' SECOND
) WITH (
    'connector' = 'filesystem', 'path' = '${data}/auctions.csv', 'format' = 'csv', 'csv.null-literal' = ''
);

-- Bids for them: ties, a duplicate, a NULL auction, an auction nobody knows; two rows are late.
CREATE TABLE bids (
    auction BIGINT,
    bidder STRING,
    price INT,
    channel STRING,
    ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts - INTERVAL '4' SECOND
) WITH (
    'connector' = 'filesystem', 'path' = '${data}/bids.csv', 'format' = 'csv', 'csv.null-literal' = ''
);

-- Rates as they became known, one of them out of order.
CREATE TABLE rates (
    currency STRING,
    rate DECIMAL(10, 4),
    ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('connector' = 'filesystem', 'path' = '${data}/rates.csv', 'format' = 'csv');

-- Amounts in those currencies, one without.
CREATE TABLE charges (
    id BIGINT,
    currency STRING,
    amount INT,
    ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts - INTERVAL '3' SECOND
) WITH (
    'connector' = 'filesystem', 'path' = '${data}/charges.csv', 'format' = 'csv', 'csv.null-literal' = ''
);

-- No row at all.
CREATE TABLE nothing (
    id BIGINT,
    k STRING,
    ts TIMESTAMP(3),
    WATERMARK FOR ts AS ts
) WITH ('connector' = 'filesystem', 'path' = '${data}/empty.csv', 'format' = 'csv');
