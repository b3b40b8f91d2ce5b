SELECT id, t FROM orders CROSS JOIN UNNEST(tags) AS u (t) WHERE t LIKE 'r%' AND id > 1;

-- Flink 2.3.0:
-- columns: id BIGINT, t STRING
-- +I[5, red]
-- +I[6, red]
-- +I[6, red]
-- +I[8, red]
