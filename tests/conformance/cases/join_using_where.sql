-- compare: table
SELECT * FROM payments JOIN events USING (id) WHERE id > 5;

-- Flink 2.3.0:
-- error: Column 'id' is ambiguous
