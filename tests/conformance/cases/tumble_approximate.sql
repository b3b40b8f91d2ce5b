SELECT window_start, APPROX_COUNT_DISTINCT(bidder) AS n FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '20' SECOND)) GROUP BY window_start, window_end;

-- Flink 2.3.0:
-- error: APPROX_COUNT_DISTINCT aggregate function does not support yet for streaming.
