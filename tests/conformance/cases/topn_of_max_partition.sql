SELECT channel, bidder, m FROM (SELECT channel, bidder, m, ROW_NUMBER() OVER (PARTITION BY channel ORDER BY m DESC) AS rn FROM (SELECT channel, bidder, MAX(price) AS m FROM bids GROUP BY channel, bidder)) WHERE rn <= 1;

-- Flink 2.3.0:
-- columns: channel STRING, bidder STRING, m INT
-- +I[web, b1, 100]
-- +I[app, b2, 120]
-- -U[web, b1, 100]
-- +U[web, b1, 900]
-- +I[null, b1, 110]
