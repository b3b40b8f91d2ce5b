SELECT id, LISTAGG(CAST(id AS STRING), '|') OVER (PARTITION BY k ORDER BY ts) AS l FROM events;

-- Flink 2.3.0:
-- columns: id BIGINT, l STRING
-- +I[1, 1]
-- +I[2, 2]
-- +I[3, 1|3]
-- +I[4, 1|3|4]
-- +I[7, 1|3|4|7]
-- +I[8, 8]
-- +I[9, 2|9]
