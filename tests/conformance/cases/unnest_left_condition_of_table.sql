SELECT id, sku, n FROM orders LEFT JOIN UNNEST(items) AS u (sku, n) ON n > qty;

-- Flink 2.3.0:
-- error: unexpected correlate variable $cor0 in the plan
