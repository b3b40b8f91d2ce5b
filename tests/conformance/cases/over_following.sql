-- A frame ends with its row.
SELECT id, COUNT(*) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS n FROM payments;

-- Flink 2.3.0:
-- error: OVER RANGE FOLLOWING windows are not supported yet.
