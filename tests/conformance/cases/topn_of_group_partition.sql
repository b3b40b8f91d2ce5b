SELECT channel, bidder, n, rn FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY channel ORDER BY n DESC) AS rn FROM (
        SELECT channel, bidder, COUNT(*) AS n FROM bids GROUP BY channel, bidder)) WHERE rn <= 1;

-- Flink 2.3.0:
-- columns: channel STRING, bidder STRING, n BIGINT NOT NULL, rn BIGINT NOT NULL
-- +I[web, b1, 1, 1]
-- +I[app, b2, 1, 1]
-- -U[web, b1, 1, 1]
-- +U[web, b1, 2, 1]
-- +I[null, b1, 1, 1]
-- -U[app, b2, 1, 1]
-- +U[app, b2, 2, 1]
-- -U[web, b1, 2, 1]
-- +U[web, b1, 3, 1]
-- -U[web, b1, 3, 1]
-- +U[web, b1, 4, 1]
-- -U[web, b1, 4, 1]
-- +U[web, b1, 5, 1]
