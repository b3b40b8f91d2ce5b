SELECT k, APPROX_COUNT_DISTINCT(v) AS n FROM events GROUP BY k;

-- Flink 2.3.0:
-- error: APPROX_COUNT_DISTINCT aggregate function does not support yet for streaming.
