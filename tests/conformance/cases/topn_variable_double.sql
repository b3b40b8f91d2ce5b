SELECT channel, bidder, price, n FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder ORDER BY price DESC) AS rn FROM (SELECT channel, bidder, price, CAST(MOD(price, 3) AS DOUBLE) AS n FROM bids)) WHERE rn <= n;

-- Flink 2.3.0:
-- error: variable rank index column must be long type, while input type is org.apache.flink.table.types.logical.DoubleType
