SELECT id FROM payments WHERE (id, k) < (4, 'a');

-- Flink 2.3.0:
-- error: Comparable type expected, but was 'ROW<`EXPR$0` BIGINT, `EXPR$1` STRING> NOT NULL'.
