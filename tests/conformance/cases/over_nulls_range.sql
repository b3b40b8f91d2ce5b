-- NULLs are skipped, a NULL key is a key, and a sum of doubles keeps the rounding of what has left.
SELECT id, k, SUM(x) OVER w AS sx, AVG(x) OVER w AS ax, SUM(i) OVER w AS si, AVG(i) OVER w AS ai,
    SUM(p) OVER w AS sp, AVG(p) OVER w AS ap, COUNT(p) OVER w AS cp, COUNT(*) OVER w AS n
FROM gaps
WINDOW w AS (PARTITION BY k ORDER BY ts RANGE BETWEEN INTERVAL '1' MINUTE PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- columns: id BIGINT, k STRING, sx DOUBLE, ax DOUBLE, si INT, ai INT, sp DECIMAL(38, 2), ap DECIMAL(38, 6), cp BIGINT NOT NULL, n BIGINT NOT NULL
-- +I[2, a, 0.2, 0.2, 2, 2, 20.00, 20.000000, 1, 1]
-- +I[1, a, 0.30000000000000004, 0.15000000000000002, 3, 1, 30.00, 15.000000, 2, 2]
-- +I[3, null, 0.3, 0.3, null, null, null, null, 0, 1]
-- +I[5, c, null, null, 8, 8, 40.00, 40.000000, 1, 1]
-- +I[6, d, 1.1, 0.55, 17, 8, 83.00, 41.500000, 2, 2]
-- +I[7, d, 1.1, 0.55, 17, 8, 83.00, 41.500000, 2, 2]
-- +I[4, a, 1.0E16, 3.3333333333333335E15, 10, 3, 60.00, 20.000000, 3, 3]
-- +I[8, null, 1.0, 0.5, 10, 10, 5.00, 5.000000, 1, 2]
-- +I[9, a, 1.0E16, 5.0E15, 18, 9, 41.00, 20.500000, 2, 2]
-- +I[10, a, 1.0E16, 3.3333333333333335E15, 30, 10, 53.00, 17.666667, 3, 3]
-- +I[11, a, 1.0E16, 3.3333333333333335E15, 30, 10, 53.00, 17.666667, 3, 4]
-- +I[12, a, 0.5, 0.16666666666666666, 49, 12, 36.00, 12.000000, 3, 5]
-- +I[13, a, 0.5, 0.16666666666666666, 49, 12, 36.00, 12.000000, 3, 5]
-- +I[14, a, 0.39999999999999997, 0.19999999999999998, 21, 7, 27.00, 13.500000, 2, 4]
