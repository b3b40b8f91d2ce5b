SELECT /*+ NOSUCH('p') */ k FROM payments AS p;

-- Flink 2.3.0:
-- error: Hint: NOSUCH should be registered in the HintStrategyTable
