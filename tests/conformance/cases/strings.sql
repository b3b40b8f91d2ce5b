-- Text.
SELECT id, UPPER(k) || '-' || CAST(id AS STRING) AS label, CHAR_LENGTH(k) AS n, CONCAT(k, 'x') AS c, CONCAT_WS('+', k, 'y') AS cw,
    SUBSTRING(CAST(ts AS STRING), 1, 10) AS sub, k LIKE 'a%' AS like_a, k IN ('a', 'c') AS in_ac
FROM gaps;

-- Flink 2.3.0:
-- columns: id BIGINT, label STRING, n INT, c STRING, cw STRING, sub STRING, like_a BOOLEAN, in_ac BOOLEAN
-- +I[1, A-1, 1, ax, a+y, 2024-01-01, true, true]
-- +I[2, A-2, 1, ax, a+y, 2024-01-01, true, true]
-- +I[3, null, null, null, y, 2024-01-01, null, null]
-- +I[4, A-4, 1, ax, a+y, 2024-01-01, true, true]
-- +I[5, C-5, 1, cx, c+y, 2024-01-01, false, true]
-- +I[6, D-6, 1, dx, d+y, 2024-01-01, false, false]
-- +I[7, D-7, 1, dx, d+y, 2024-01-01, false, false]
-- +I[8, null, null, null, y, 2024-01-01, null, null]
-- +I[9, A-9, 1, ax, a+y, 2024-01-01, true, true]
-- +I[10, A-10, 1, ax, a+y, 2024-01-01, true, true]
-- +I[11, A-11, 1, ax, a+y, 2024-01-01, true, true]
-- +I[12, A-12, 1, ax, a+y, 2024-01-01, true, true]
-- +I[13, A-13, 1, ax, a+y, 2024-01-01, true, true]
-- +I[14, A-14, 1, ax, a+y, 2024-01-01, true, true]
