-- The watermark before the row.
SELECT id, CURRENT_WATERMARK(ts) AS w FROM events;

-- Flink 2.3.0:
-- columns: id BIGINT, w TIMESTAMP(3)
-- +I[1, null]
-- +I[2, 2024-01-01T00:00]
-- +I[3, 2024-01-01T00:00:04]
-- +I[4, 2024-01-01T00:00:08.900]
-- +I[5, 2024-01-01T00:00:11]
-- +I[6, 2024-01-01T00:00:11]
-- +I[7, 2024-01-01T00:00:11]
-- +I[8, 2024-01-01T00:00:24]
-- +I[9, 2024-01-01T00:00:25]
