SELECT city, JSON_OBJECTAGG(KEY name VALUE since) AS l FROM customers GROUP BY city;

-- Flink 2.3.0:
-- columns: city STRING, l VARCHAR(2000) NOT NULL
-- +I[Rome, {"Ada":"2023-12-31T23:00:00"}]
-- +I[Oslo, {"Bo":"2023-12-31T23:30:00"}]
-- -U[Rome, {"Ada":"2023-12-31T23:00:00"}]
-- +U[Rome, {"Ada":"2023-12-31T23:00:00","Cy":"2024-01-01T00:00:05"}]
-- -U[Rome, {"Ada":"2023-12-31T23:00:00","Cy":"2024-01-01T00:00:05"}]
-- +U[Rome, {"Cy":"2024-01-01T00:00:05"}]
-- +I[Bern, {"Ada":"2024-01-01T00:00:03"}]
-- -D[Oslo, {"Bo":"2023-12-31T23:30:00"}]
-- +I[null, {"Di":"2024-01-01T00:00:07"}]
-- -D[Rome, {"Cy":"2024-01-01T00:00:05"}]
-- +I[Rome, {"Cy":"2024-01-01T00:00:20"}]
