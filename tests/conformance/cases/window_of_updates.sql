-- A window over a table that changes.
CREATE TEMPORARY VIEW last_orders AS SELECT product, qty AS q, ts FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY product ORDER BY ts DESC) AS rn FROM orders) WHERE rn = 1;
SELECT window_start, COUNT(*) AS n, SUM(q) AS s FROM TABLE(TUMBLE(TABLE last_orders, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, s INT
-- +I[2024-01-01T00:00, 3, 14]
-- +I[2024-01-01T00:00:20, 1, 3]
-- +I[2024-01-01T00:00:30, 1, -1]
