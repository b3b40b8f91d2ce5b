-- compare: table
SELECT a.product, a.n, b.s FROM (SELECT product, COUNT(*) AS n FROM orders GROUP BY product) AS a
    FULL JOIN (SELECT product, SUM(qty) AS s FROM stock GROUP BY product) AS b ON a.product = b.product;

-- Flink 2.3.0:
-- columns: product STRING, n BIGINT, s INT
-- +I[cup, 1, null]
-- +I[ink, 2, 7]
-- +I[null, 1, null]
-- +I[null, null, 2]
-- +I[pad, 1, 6]
-- +I[pen, 4, 18]
