SELECT window_start, ARRAY_AGG(id) AS a, LISTAGG(CAST(id AS STRING)) AS l FROM (SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY id DESC) AS n FROM TABLE(HOP(TABLE events, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))) WHERE n <= 3) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, a ARRAY<BIGINT>, l STRING
-- +I[2023-12-31T23:59:55, [1], 1]
-- +I[2024-01-01T00:00, [3, 2, 1], 3,2,1]
-- +I[2024-01-01T00:00:05, [6, 5, 4], 6,5,4]
-- +I[2024-01-01T00:00:10, [6, 4], 6,4]
-- +I[2024-01-01T00:00:20, [9, 8, 7], 9,8,7]
-- +I[2024-01-01T00:00:25, [9, 8, 7], 9,8,7]
