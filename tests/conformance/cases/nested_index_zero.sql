SELECT id, tags[0] AS t FROM orders;

-- Flink 2.3.0:
-- error: Array element access needs an index starting at 1 but was 0.
