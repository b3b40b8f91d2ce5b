SELECT k, LISTAGG(CAST(id AS STRING)) WITHIN GROUP (ORDER BY amount) AS l FROM payments GROUP BY k;

-- Flink 2.3.0:
-- error: Aggregate expression 'LISTAGG' must not contain a WITHIN GROUP clause
