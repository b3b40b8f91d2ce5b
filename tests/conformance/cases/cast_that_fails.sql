SELECT id, CAST(product AS INT) AS n FROM orders;

-- Flink 2.3.0:
-- error: For input string: 'pen'. Invalid character found.
