SELECT k, window_start, JSON_OBJECTAGG(KEY CAST(id AS STRING) VALUE v) AS l FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end;

-- Flink 2.3.0:
-- columns: k STRING, window_start TIMESTAMP(3) NOT NULL, l VARCHAR(2000) NOT NULL
-- +I[a, 2024-01-01T00:00:01, {"1":1}]
-- +I[b, 2024-01-01T00:00:05, {"2":2}]
-- +I[b, 2024-01-01T00:00:11, {"6":6}]
-- +I[a, 2024-01-01T00:00:08, {"3":4,"4":5,"5":100}]
-- +I[a, 2024-01-01T00:00:25, {"7":7}]
-- +I[null, 2024-01-01T00:00:26, {"8":null}]
-- +I[b, 2024-01-01T00:00:26.500, {"9":9}]
