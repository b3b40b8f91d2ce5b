-- Decimals and approximate numbers are compared as doubles; a list takes the type of what is looked for.
SELECT id, x >= 0.5 AS x_half, x = 0.3 AS x_three, f = 0.3 AS f_three, f >= 0.3 AS f_least, f IN (0.3, 0.7) AS f_in,
    x BETWEEN 0.2 AND 0.5 AS x_between, x < p AS x_less, p = i AS p_is_i, i > 8.5 AS i_more, i IN (1, 8) AS i_in
FROM (SELECT *, CAST(x AS FLOAT) AS f FROM gaps);

-- Flink 2.3.0:
-- columns: id BIGINT, x_half BOOLEAN, x_three BOOLEAN, f_three BOOLEAN, f_least BOOLEAN, f_in BOOLEAN, x_between BOOLEAN, x_less BOOLEAN, p_is_i BOOLEAN, i_more BOOLEAN, i_in BOOLEAN
-- +I[1, false, false, false, false, false, false, true, false, false, true]
-- +I[2, false, false, false, false, false, true, true, false, false, false]
-- +I[3, false, true, false, true, true, true, null, null, null, null]
-- +I[4, true, false, false, true, false, false, false, false, false, false]
-- +I[5, null, null, null, null, null, null, null, false, false, true]
-- +I[6, true, false, false, true, false, true, true, false, false, true]
-- +I[7, true, false, false, true, false, false, true, false, true, false]
-- +I[8, true, false, false, true, true, false, true, false, true, false]
-- +I[9, false, true, false, true, true, true, true, true, true, false]
-- +I[10, false, false, false, true, false, true, true, true, true, false]
-- +I[11, null, null, null, null, null, null, null, null, null, null]
-- +I[12, true, false, false, true, false, true, true, true, true, false]
-- +I[13, null, null, null, null, null, null, null, null, true, false]
-- +I[14, true, false, false, true, false, false, true, false, false, false]
