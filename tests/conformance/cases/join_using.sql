-- compare: table
SELECT product, o.id, s.warehouse FROM orders AS o JOIN stock AS s USING (product);

-- Flink 2.3.0:
-- columns: product STRING, id BIGINT, warehouse STRING
-- +I[ink, 2, s]
-- +I[ink, 8, s]
-- +I[pad, 3, n]
-- +I[pen, 1, e]
-- +I[pen, 1, n]
-- +I[pen, 1, s]
-- +I[pen, 4, e]
-- +I[pen, 4, n]
-- +I[pen, 4, s]
-- +I[pen, 6, e]
-- +I[pen, 6, n]
-- +I[pen, 6, s]
-- +I[pen, 7, e]
-- +I[pen, 7, n]
-- +I[pen, 7, s]
