SELECT id, product FROM orders ORDER BY product;

-- Flink 2.3.0:
-- error: Sort on a non-time-attribute field is not supported.
