SELECT DISTINCT product, customer FROM orders;

-- Flink 2.3.0:
-- columns: product STRING, customer BIGINT
-- +I[pen, 10]
-- +I[ink, 11]
-- +I[pad, 10]
-- +I[pen, 12]
-- +I[null, null]
-- +I[pen, 11]
-- +I[ink, 12]
-- +I[cup, 13]
