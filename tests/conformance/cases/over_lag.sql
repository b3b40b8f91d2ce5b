-- LAG looks past all peers: the value before the last of them.
SELECT id, k, LAG(ts) OVER w AS previous_ts, LAG(amount, 2, CAST(-1 AS DECIMAL(10, 2))) OVER w AS two_back,
    COUNT(*) OVER w AS n
FROM payments
WINDOW w AS (PARTITION BY k ORDER BY ts);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, previous_ts TIMESTAMP(3) *ROWTIME*, two_back DECIMAL(10, 2) NOT NULL, n BIGINT NOT NULL
-- +I[1, a, null, -1.00, 1]
-- +I[2, a, 2024-01-01T00:00, -1.00, 2]
-- +I[3, b, null, -1.00, 1]
-- +I[6, a, 2024-01-01T00:00:30, 10.00, 3]
-- +I[4, a, 2024-01-01T00:01, 1.00, 5]
-- +I[5, a, 2024-01-01T00:01, 1.00, 5]
-- +I[7, a, 2024-01-01T00:01, 30.00, 6]
-- +I[8, a, 2024-01-01T00:01:30, 40.00, 7]
-- +I[10, a, 2024-01-01T00:02:00.500, 7.00, 8]
