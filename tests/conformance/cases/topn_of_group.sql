SELECT bidder, n, rn FROM (
    SELECT *, ROW_NUMBER() OVER (ORDER BY n DESC, bidder) AS rn FROM (
        SELECT bidder, COUNT(*) AS n FROM bids GROUP BY bidder)) WHERE rn <= 2;

-- Flink 2.3.0:
-- columns: bidder STRING, n BIGINT NOT NULL, rn BIGINT NOT NULL
-- +I[b1, 1, 1]
-- +I[b2, 1, 2]
-- -U[b1, 1, 1]
-- +U[b1, 2, 1]
-- -U[b1, 2, 1]
-- +U[b1, 3, 1]
-- -U[b2, 1, 2]
-- +U[b2, 2, 2]
-- -U[b2, 2, 2]
-- +U[b2, 3, 2]
-- -U[b1, 3, 1]
-- +U[b1, 4, 1]
-- -U[b1, 4, 1]
-- +U[b1, 5, 1]
-- -U[b1, 5, 1]
-- +U[b1, 6, 1]
-- -U[b2, 3, 2]
-- +U[b2, 4, 2]
