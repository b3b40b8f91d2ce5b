-- A stream does not know what comes.
SELECT id, LEAD(ts) OVER (PARTITION BY k ORDER BY ts) AS next_ts FROM payments;

-- Flink 2.3.0:
-- error: LEAD Function is not supported in stream mode.
