SELECT id, tags[2] AS t, items[1] AS i, attrs['w'] AS w FROM orders WHERE tags[1] = 'red';

-- Flink 2.3.0:
-- columns: id BIGINT, t STRING, i ROW<`sku` STRING, `n` INT>, w INT
-- +I[1, fine, +I[p1, 1], 5]
-- +I[5, null, +I[null, 2], null]
-- +I[6, red, +I[p1, 1], 5]
