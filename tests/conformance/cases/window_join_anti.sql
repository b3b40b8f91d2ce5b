CREATE TEMPORARY VIEW on_time AS SELECT * FROM bids WHERE COALESCE(price, 10) <> 10;
SELECT id, item FROM (SELECT * FROM TABLE(TUMBLE(TABLE auctions, DESCRIPTOR(opened), INTERVAL '10' SECOND))) AS a WHERE NOT EXISTS (
    SELECT * FROM (SELECT * FROM TABLE(TUMBLE(TABLE on_time, DESCRIPTOR(ts), INTERVAL '10' SECOND))) AS b
    WHERE a.window_start = b.window_start AND a.window_end = b.window_end AND a.id = b.auction);

-- Flink 2.3.0:
-- columns: id BIGINT, item STRING
-- +I[4, vase]
