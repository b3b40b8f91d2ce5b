SELECT id, product, ts FROM orders ORDER BY ts, id DESC;

-- Flink 2.3.0:
-- columns: id BIGINT, product STRING, ts TIMESTAMP(3) *ROWTIME*
-- +I[1, pen, 2024-01-01T00:00:01]
-- +I[3, pad, 2024-01-01T00:00:02]
-- +I[2, ink, 2024-01-01T00:00:03]
-- +I[4, pen, 2024-01-01T00:00:06]
-- +I[6, pen, 2024-01-01T00:00:08]
-- +I[5, null, 2024-01-01T00:00:08]
-- +I[8, ink, 2024-01-01T00:00:21]
-- +I[9, cup, 2024-01-01T00:00:30]
