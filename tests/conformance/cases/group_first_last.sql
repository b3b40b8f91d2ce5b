SELECT customer, FIRST_VALUE(product) AS f, LAST_VALUE(product) AS l, FIRST_VALUE(qty) AS fq, LAST_VALUE(qty) AS lq FROM orders GROUP BY customer;

-- Flink 2.3.0:
-- columns: customer BIGINT, f STRING, l STRING, fq INT, lq INT
-- +I[10, pen, pen, 2, 2]
-- +I[11, ink, ink, 1, 1]
-- -U[10, pen, pen, 2, 2]
-- +U[10, pen, pad, 2, 5]
-- +I[12, pen, pen, null, null]
-- +I[null, null, null, 7, 7]
-- -U[11, ink, ink, 1, 1]
-- +U[11, ink, pen, 1, 2]
-- -U[10, pen, pad, 2, 5]
-- +U[10, pen, pen, 2, 2]
-- -U[12, pen, pen, null, null]
-- +U[12, pen, ink, 3, 3]
-- +I[13, cup, cup, -1, -1]
