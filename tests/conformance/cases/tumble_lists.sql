SELECT window_start, LISTAGG(bidder) AS b, FIRST_VALUE(price) AS f, LAST_VALUE(price) AS l, ARRAY_AGG(auction) AS a FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, b STRING, f INT, l INT, a ARRAY<BIGINT>
-- +I[2024-01-01T00:00, b1,b2,b1,b3,b1,b2, 100, 40, [1, 1, 2, 2, 1, 3]]
-- +I[2024-01-01T00:00:20, b3,b4,b1,b1,b1,b3, 130, 60, [1, 9, null, 3, 3, 5]]
-- +I[2024-01-01T00:00:40, b2, 75, 75, [5]]
