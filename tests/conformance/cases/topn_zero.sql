SELECT k, id, x, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY x) AS rn FROM gaps) WHERE rn <= 0;

-- Flink 2.3.0:
-- error: Rank end should not less than zero, but now is 0
