SELECT id, COLLECT(v) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS l FROM events;

-- Flink 2.3.0:
-- columns: id BIGINT, l MULTISET<INT> NOT NULL
-- +I[1, {1=1}]
-- +I[2, {2=1}]
-- +I[3, {1=1, 4=1}]
-- +I[6, {2=1, 6=1}]
-- +I[4, {1=1, 4=1, 5=1}]
-- +I[7, {4=1, 5=1, 7=1}]
-- +I[8, {}]
-- +I[9, {2=1, 6=1, 9=1}]
