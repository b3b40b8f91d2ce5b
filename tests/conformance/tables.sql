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
