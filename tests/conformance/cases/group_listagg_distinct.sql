SELECT product, LISTAGG(DISTINCT CAST(qty AS STRING)) AS q FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, q STRING
-- +I[pen, 2]
-- +I[ink, 1]
-- +I[pad, 5]
-- +I[null, 7]
-- -U[ink, 1]
-- +U[ink, 1,3]
-- +I[cup, -1]
