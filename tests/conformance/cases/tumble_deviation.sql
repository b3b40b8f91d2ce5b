SELECT window_start, STDDEV_SAMP(price) AS s, VAR_POP(price) AS v, AVG(price) AS a FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, s INT, v INT, a INT
-- +I[2024-01-01T00:00, 417, 145547, 361]
-- +I[2024-01-01T00:00:20, 45, 1735, 48]
-- +I[2024-01-01T00:00:40, null, 0, 75]
