SELECT * FROM (SELECT id, k, amount, RANK() OVER (PARTITION BY k ORDER BY amount) AS rn FROM payments) WHERE rn <= 2;

-- Flink 2.3.0:
-- error: RANK() on streaming table is not supported currently
