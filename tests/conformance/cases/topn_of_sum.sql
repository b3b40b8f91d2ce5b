-- A sum may fall: the rows behind must be remembered.
SELECT product, s FROM (
    SELECT *, ROW_NUMBER() OVER (ORDER BY s DESC, product) AS rn FROM (
        SELECT product, SUM(qty) AS s FROM stock GROUP BY product)) WHERE rn <= 2;

-- Flink 2.3.0:
-- columns: product STRING, s INT
-- +I[pen, 10]
-- -D[pen, 10]
-- +I[pen, 14]
-- +I[ink, 7]
-- -D[pen, 14]
-- +I[pen, 4]
-- -D[pen, 4]
-- +I[pen, 7]
-- -D[ink, 7]
-- +I[ink, 7]
-- -D[pen, 7]
-- +I[pad, null]
-- -D[pad, null]
-- +I[pen, 3]
-- -D[pen, 3]
-- +I[pad, null]
-- -D[pad, null]
-- +I[pen, 15]
-- -D[pen, 15]
-- +I[null, 2]
-- -D[null, 2]
-- +I[pen, 18]
-- -D[pen, 18]
-- +I[pad, 6]
-- -D[pad, 6]
-- +I[pen, 15]
-- -D[pen, 15]
-- +I[pad, 6]
-- -D[pad, 6]
-- +I[pen, 18]
