-- compare: table
-- A stream has no aggregate of no rows: nothing comes.
SELECT id FROM payments WHERE id > ALL (SELECT v FROM events WHERE v > 1000);

-- Flink 2.3.0:
-- columns: id BIGINT
