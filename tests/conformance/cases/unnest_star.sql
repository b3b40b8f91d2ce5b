SELECT * FROM orders CROSS JOIN UNNEST(items) WHERE id < 3;

-- Flink 2.3.0:
-- columns: id BIGINT, customer BIGINT, product STRING, qty INT, price DECIMAL(10, 2), tags ARRAY<STRING>, attrs MAP<STRING, INT>, items ARRAY<ROW<`sku` STRING, `n` INT>>, ts TIMESTAMP(3) *ROWTIME*, sku STRING, n INT
-- +I[1, 10, pen, 2, 1.50, [red, fine], {w=5}, [+I[p1, 1], +I[p2, 3]], 2024-01-01T00:00:01, p1, 1]
-- +I[1, 10, pen, 2, 1.50, [red, fine], {w=5}, [+I[p1, 1], +I[p2, 3]], 2024-01-01T00:00:01, p2, 3]
-- +I[2, 11, ink, 1, 8.00, [blue], {w=50, h=2}, [+I[i1, 1]], 2024-01-01T00:00:03, i1, 1]
