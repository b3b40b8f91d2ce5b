SELECT window_start, COLLECT(k) AS l FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, l MULTISET<STRING> NOT NULL
-- +I[2023-12-31T23:59:55, {a=1}]
-- +I[2024-01-01T00:00, {a=2, b=1}]
-- +I[2024-01-01T00:00:05, {a=3, b=2}]
-- +I[2024-01-01T00:00:10, {a=1, b=1}]
-- +I[2024-01-01T00:00:20, {a=1, b=1}]
-- +I[2024-01-01T00:00:25, {a=1, b=1}]
