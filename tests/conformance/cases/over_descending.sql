-- A stream's window goes up in time.
SELECT id, COUNT(*) OVER (PARTITION BY k ORDER BY ts DESC ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS n FROM payments;

-- Flink 2.3.0:
-- error: The window can only be ordered in ASCENDING mode.
