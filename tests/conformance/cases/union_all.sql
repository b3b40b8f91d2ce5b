-- compare: table
-- UNION ALL of two queries.
SELECT id, amount FROM payments WHERE k = 'b'
UNION ALL
SELECT id, p FROM gaps WHERE p > 20;

-- Flink 2.3.0:
-- columns: id BIGINT, amount DECIMAL(10, 2)
-- +I[3, 5.25]
-- +I[4, 30.00]
-- +I[5, 40.00]
-- +I[6, 41.00]
-- +I[7, 42.00]
-- +I[9, 9.99]
