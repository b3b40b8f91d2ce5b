-- Each charge meets the rate of its time.
CREATE TEMPORARY VIEW latest_rates AS SELECT currency, rate, ts FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY currency ORDER BY ts DESC) AS rn FROM rates) WHERE rn = 1;
SELECT c.id, c.amount, r.rate FROM charges AS c JOIN latest_rates FOR SYSTEM_TIME AS OF c.ts AS r ON c.currency = r.currency;

-- Flink 2.3.0:
-- columns: id BIGINT, amount INT, rate DECIMAL(10, 4)
-- +I[1, 100, 1.1000]
-- +I[2, 50, 1.2500]
-- +I[3, 10, 1.1200]
-- +I[5, 20, 1.1000]
-- +I[8, 40, 1.3000]
-- +I[9, 1, 1.1500]
