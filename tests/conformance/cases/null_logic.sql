-- Three-valued logic; NULLs in sums and comparisons.
SELECT id, i > 8 AS big, NOT i > 8 AS small, i IS NULL AS missing, COALESCE(i, -1) AS i1, p + i AS sum1,
    CASE WHEN x > 0.5 THEN 'more' WHEN x <= 0.5 THEN 'less' END AS side, NULLIF(i, 8) AS not_8
FROM gaps;

-- Flink 2.3.0:
-- columns: id BIGINT, big BOOLEAN, small BOOLEAN, missing BOOLEAN NOT NULL, i1 INT NOT NULL, sum1 DECIMAL(13, 2), side CHAR(4), not_8 INT
-- +I[1, false, true, false, 1, 11.00, less, 1]
-- +I[2, false, true, false, 2, 22.00, less, 2]
-- +I[3, null, null, true, -1, null, less, null]
-- +I[4, false, true, false, 7, 37.00, more, 7]
-- +I[5, false, true, false, 8, 48.00, null, null]
-- +I[6, false, true, false, 8, 49.00, less, null]
-- +I[7, true, false, false, 9, 51.00, more, 9]
-- +I[8, true, false, false, 10, 15.00, more, 10]
-- +I[9, true, false, false, 11, 22.00, less, 11]
-- +I[10, true, false, false, 12, 24.00, less, 12]
-- +I[11, null, null, true, -1, null, null, null]
-- +I[12, true, false, false, 13, 26.00, less, 13]
-- +I[13, true, false, false, 13, null, null, 13]
-- +I[14, false, true, false, -5, 9.00, more, -5]
