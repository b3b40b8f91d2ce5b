SELECT k, id, x, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY x) AS rn FROM gaps) WHERE rn > 1;

-- Flink 2.3.0:
-- error: Rank end is not specified. Currently rank only support TopN, which means the rank end must be specified.
