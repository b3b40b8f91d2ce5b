SELECT k, EVERY(amount > 5) AS e, SOME(amount > 50) AS s FROM payments GROUP BY k;

-- Flink 2.3.0:
-- error: No match found for function signature EVERY(<BOOLEAN>)
