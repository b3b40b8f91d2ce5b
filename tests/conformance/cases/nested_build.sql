SELECT id, ROW(product, qty) AS r, ARRAY[qty, 1] AS a, MAP['q', qty] AS m FROM orders;

-- Flink 2.3.0:
-- columns: id BIGINT, r ROW<`EXPR$0` STRING, `EXPR$1` INT> NOT NULL, a ARRAY<INT> NOT NULL, m MAP<CHAR(1) NOT NULL, INT> NOT NULL
-- +I[1, +I[pen, 2], [2, 1], {q=2}]
-- +I[2, +I[ink, 1], [1, 1], {q=1}]
-- +I[3, +I[pad, 5], [5, 1], {q=5}]
-- +I[4, +I[pen, null], [null, 1], {q=null}]
-- +I[5, +I[null, 7], [7, 1], {q=7}]
-- +I[6, +I[pen, 2], [2, 1], {q=2}]
-- +I[7, +I[pen, 2], [2, 1], {q=2}]
-- +I[8, +I[ink, 3], [3, 1], {q=3}]
-- +I[9, +I[cup, -1], [-1, 1], {q=-1}]
