-- A window larger than the data, its groups made from the time.
SELECT DATE_FORMAT(ts, 'HH:mm') AS minute_of_day, COUNT(*) AS n, SUM(amount) AS total
FROM TABLE(TUMBLE(TABLE payments, DESCRIPTOR(ts), INTERVAL '36500' DAY(5)))
GROUP BY window_start, window_end, DATE_FORMAT(ts, 'HH:mm');

-- Flink 2.3.0:
-- columns: minute_of_day STRING, n BIGINT NOT NULL, total DECIMAL(38, 2)
-- +I[00:00, 4, 36.25]
-- +I[01:00, 1, 100.00]
-- +I[00:02, 1, 8.00]
-- +I[00:01, 4, 86.99]
