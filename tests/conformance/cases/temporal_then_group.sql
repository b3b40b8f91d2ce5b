-- compare: table
CREATE TEMPORARY VIEW latest_rates AS SELECT currency, rate, ts FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY currency ORDER BY ts DESC) AS rn FROM rates) WHERE rn = 1;
SELECT c.currency, SUM(c.amount * r.rate) AS s FROM charges AS c JOIN latest_rates FOR SYSTEM_TIME AS OF c.ts AS r ON c.currency = r.currency GROUP BY c.currency;

-- Flink 2.3.0:
-- columns: currency STRING, s DECIMAL(38, 4)
-- +I[EUR, 144.3500]
-- +I[GBP, 114.5000]
