SELECT product, SUM(qty) OVER (PARTITION BY product ORDER BY PROCTIME() ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM stock;

-- Flink 2.3.0:
-- error: StreamPhysicalOverAggregate doesn't support consuming update and delete changes which is produced by node TableSourceScan(table=[[default_catalog, default_database, stock, project=[product, qty], metadata=[]]], fields=[product, qty])
