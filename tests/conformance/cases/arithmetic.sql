-- Types and rounding of arithmetic.
SELECT id, v / 2 AS half, -v / 2 AS minus_half, v % 3 AS rest, amount / 3 AS third, amount * amount AS square,
    CAST(amount AS INT) AS whole, CAST(amount AS DOUBLE) AS d, CAST(amount * 100 AS BIGINT) AS cents,
    CAST(amount AS DECIMAL(6, 1)) AS rounded, ROUND(amount, 1) AS r1, CAST(amount AS STRING) AS s
FROM (SELECT id, CAST(id AS INT) AS v, amount FROM payments);

-- Flink 2.3.0:
-- columns: id BIGINT, half INT, minus_half INT, rest INT, third DECIMAL(21, 13), square DECIMAL(21, 4), whole INT, d DOUBLE, cents BIGINT, rounded DECIMAL(6, 1), r1 DECIMAL(10, 1), s STRING
-- +I[1, 0, 0, 1, 3.3333333333333, 100.0000, 10, 10.0, 1000, 10.0, 10.0, 10.00]
-- +I[2, 1, -1, 2, 6.6666666666667, 400.0000, 20, 20.0, 2000, 20.0, 20.0, 20.00]
-- +I[3, 1, -1, 0, 1.7500000000000, 27.5625, 5, 5.25, 525, 5.3, 5.3, 5.25]
-- +I[4, 2, -2, 1, 10.0000000000000, 900.0000, 30, 30.0, 3000, 30.0, 30.0, 30.00]
-- +I[5, 2, -2, 2, 13.3333333333333, 1600.0000, 40, 40.0, 4000, 40.0, 40.0, 40.00]
-- +I[6, 3, -3, 0, 0.3333333333333, 1.0000, 1, 1.0, 100, 1.0, 1.0, 1.00]
-- +I[7, 3, -3, 1, 2.3333333333333, 49.0000, 7, 7.0, 700, 7.0, 7.0, 7.00]
-- +I[8, 4, -4, 2, 2.6666666666667, 64.0000, 8, 8.0, 800, 8.0, 8.0, 8.00]
-- +I[9, 4, -4, 0, 3.3300000000000, 99.8001, 9, 9.99, 999, 10.0, 10.0, 9.99]
-- +I[10, 5, -5, 1, 33.3333333333333, 10000.0000, 100, 100.0, 10000, 100.0, 100.0, 100.00]
