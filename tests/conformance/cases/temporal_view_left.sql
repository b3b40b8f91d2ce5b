CREATE TEMPORARY VIEW latest_rates AS SELECT currency, rate, ts FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY currency ORDER BY ts DESC) AS rn FROM rates) WHERE rn = 1;
SELECT c.id, c.currency, c.amount, r.rate FROM charges AS c LEFT JOIN latest_rates FOR SYSTEM_TIME AS OF c.ts AS r ON c.currency = r.currency;

-- Flink 2.3.0:
-- columns: id BIGINT, currency STRING, amount INT, rate DECIMAL(10, 4)
-- +I[1, EUR, 100, 1.1000]
-- +I[2, GBP, 50, 1.2500]
-- +I[3, EUR, 10, 1.1200]
-- +I[5, EUR, 20, 1.1000]
-- +I[4, JPY, 5000, null]
-- +I[6, USD, 7, null]
-- +I[7, null, 3, null]
-- +I[8, GBP, 40, 1.3000]
-- +I[9, EUR, 1, 1.1500]
