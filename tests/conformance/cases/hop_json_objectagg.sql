SELECT window_start, JSON_OBJECTAGG(KEY CAST(id AS STRING) VALUE v) AS l FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, l VARCHAR(2000) NOT NULL
-- +I[2023-12-31T23:59:55, {"1":1}]
-- +I[2024-01-01T00:00, {"1":1,"2":2,"3":4}]
-- +I[2024-01-01T00:00:05, {"2":2,"3":4,"4":5,"5":100,"6":6}]
-- +I[2024-01-01T00:00:10, {"4":5,"6":6}]
-- +I[2024-01-01T00:00:20, {"7":7,"8":null,"9":9}]
-- +I[2024-01-01T00:00:25, {"7":7,"8":null,"9":9}]
