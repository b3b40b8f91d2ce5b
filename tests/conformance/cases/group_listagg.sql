SELECT product, LISTAGG(CAST(qty AS STRING)) AS q, LISTAGG(CAST(id AS STRING), '; ') AS ids FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, q STRING, ids STRING
-- +I[pen, 2, 1]
-- +I[ink, 1, 2]
-- +I[pad, 5, 3]
-- -U[pen, 2, 1]
-- +U[pen, 2, 1; 4]
-- +I[null, 7, 5]
-- -U[pen, 2, 1; 4]
-- +U[pen, 2,2, 1; 4; 6]
-- -U[pen, 2,2, 1; 4; 6]
-- +U[pen, 2,2,2, 1; 4; 6; 7]
-- -U[ink, 1, 2]
-- +U[ink, 1,3, 2; 8]
-- +I[cup, -1, 9]
