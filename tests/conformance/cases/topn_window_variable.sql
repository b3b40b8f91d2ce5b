SELECT k, id, window_end, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY x) AS rn FROM TABLE(TUMBLE(TABLE gaps, DESCRIPTOR(ts), INTERVAL '1' MINUTE))) WHERE rn <= id;

-- Flink 2.3.0:
-- error: Rank strategy rankEnd=id is not supported on window rank currently.
