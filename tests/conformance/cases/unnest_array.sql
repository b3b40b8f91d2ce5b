SELECT o.id, t.tag FROM orders AS o CROSS JOIN UNNEST(o.tags) AS t (tag);

-- Flink 2.3.0:
-- columns: id BIGINT, tag STRING
-- +I[1, red]
-- +I[1, fine]
-- +I[2, blue]
-- +I[5, red]
-- +I[5, null]
-- +I[6, red]
-- +I[6, red]
-- +I[7, fine]
-- +I[8, blue]
-- +I[8, red]
-- +I[9, new]
