SELECT window_start, COUNT(DISTINCT bidder) AS n, LISTAGG(DISTINCT channel) AS c FROM TABLE(SESSION(TABLE bids, DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, c STRING
-- +I[2024-01-01T00:00:02, 3, web,app]
-- +I[2024-01-01T00:00:25, 3, web,app]
-- +I[2024-01-01T00:00:38, 2, web,app]
-- +I[2024-01-01T00:00:52, 1, web]
