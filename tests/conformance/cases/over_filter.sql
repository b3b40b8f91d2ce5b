SELECT id, COUNT(*) FILTER (WHERE v > 2) OVER w AS c, SUM(v) FILTER (WHERE v > 2) OVER w AS s FROM events WINDOW w AS (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);

-- Flink 2.3.0:
-- error: OVER must be applied to aggregate function
