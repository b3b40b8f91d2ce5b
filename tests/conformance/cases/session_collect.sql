SELECT k, window_start, COLLECT(v) AS l FROM TABLE(SESSION(TABLE events PARTITION BY k, DESCRIPTOR(ts), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end;

-- Flink 2.3.0:
-- columns: k STRING, window_start TIMESTAMP(3) NOT NULL, l MULTISET<INT> NOT NULL
-- +I[a, 2024-01-01T00:00:01, {1=1}]
-- +I[b, 2024-01-01T00:00:05, {2=1}]
-- +I[b, 2024-01-01T00:00:11, {6=1}]
-- +I[a, 2024-01-01T00:00:08, {4=1, 100=1, 5=1}]
-- +I[a, 2024-01-01T00:00:25, {7=1}]
-- +I[null, 2024-01-01T00:00:26, {}]
-- +I[b, 2024-01-01T00:00:26.500, {9=1}]
