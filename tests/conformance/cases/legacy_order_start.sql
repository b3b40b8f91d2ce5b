SELECT TUMBLE_START(ts, INTERVAL '10' SECOND) AS s, COUNT(*) AS c FROM events GROUP BY TUMBLE(ts, INTERVAL '10' SECOND) ORDER BY TUMBLE_START(ts, INTERVAL '10' SECOND);

-- Flink 2.3.0:
-- error: Sort on a non-time-attribute field is not supported.
