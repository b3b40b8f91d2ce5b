SELECT window_start, JSON_ARRAYAGG(v) AS l, JSON_ARRAYAGG(k NULL ON NULL) AS m FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- columns: window_start TIMESTAMP(3) NOT NULL, l VARCHAR(2000) NOT NULL, m VARCHAR(2000) NOT NULL
-- +I[2024-01-01T00:00, [1,2,4], ["a","b","a"]]
-- +I[2024-01-01T00:00:10, [5,6], ["a","b"]]
-- +I[2024-01-01T00:00:20, [7,9], ["a",null,"b"]]
