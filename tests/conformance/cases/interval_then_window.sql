CREATE TEMPORARY VIEW joined AS SELECT b.ts, b.price FROM auctions AS a JOIN (SELECT * FROM bids WHERE COALESCE(price, 10) <> 10) AS b
    ON a.id = b.auction AND b.ts BETWEEN a.opened AND a.opened + INTERVAL '10' SECOND;
SELECT window_start, COUNT(*) AS n, MAX(price) AS hi FROM TABLE(TUMBLE(TABLE joined, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, hi INT
-- +I[2024-01-01T00:00, 5, 900]
-- +I[2024-01-01T00:00:10, 1, 40]
-- +I[2024-01-01T00:00:30, 1, 60]
