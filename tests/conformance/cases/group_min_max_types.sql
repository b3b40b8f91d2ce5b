SELECT MIN(product) AS a, MAX(ts) AS b, MIN(price) AS d, MAX(qty > 1) AS e FROM orders;

-- Flink 2.3.0:
-- columns: a STRING, b TIMESTAMP(3) *ROWTIME*, d DECIMAL(10, 2), e BOOLEAN
-- +I[pen, 2024-01-01T00:00:01, 1.50, true]
-- -U[pen, 2024-01-01T00:00:01, 1.50, true]
-- +U[ink, 2024-01-01T00:00:03, 1.50, true]
-- -U[ink, 2024-01-01T00:00:03, 1.50, true]
-- +U[ink, 2024-01-01T00:00:06, 1.50, true]
-- -U[ink, 2024-01-01T00:00:06, 1.50, true]
-- +U[ink, 2024-01-01T00:00:08, 1.50, true]
-- -U[ink, 2024-01-01T00:00:08, 1.50, true]
-- +U[ink, 2024-01-01T00:00:21, 1.50, true]
-- -U[ink, 2024-01-01T00:00:21, 1.50, true]
-- +U[cup, 2024-01-01T00:00:30, 1.50, true]
