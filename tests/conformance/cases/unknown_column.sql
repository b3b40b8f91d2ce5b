SELECT nobody FROM orders;

-- Flink 2.3.0:
-- error: Column 'nobody' not found in any table
