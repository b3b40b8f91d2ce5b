-- Flink takes the number by its place among all columns, of which it has dropped some.
SELECT k, id, x, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY x) AS rn FROM gaps) WHERE rn <= i;

-- Flink 2.3.0:
-- error: Rank end index can't greater than input field count.
