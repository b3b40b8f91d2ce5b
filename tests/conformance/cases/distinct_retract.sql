SELECT DISTINCT product FROM stock;

-- Flink 2.3.0:
-- columns: product STRING
-- +I[pen]
-- +I[ink]
-- +I[cup]
-- -D[cup]
-- -D[ink]
-- +I[ink]
-- +I[pad]
-- +I[null]
-- -D[pad]
-- +I[pad]
