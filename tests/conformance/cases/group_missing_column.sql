SELECT product, qty FROM orders GROUP BY product;

-- Flink 2.3.0:
-- error: Expression 'qty' is not being grouped
