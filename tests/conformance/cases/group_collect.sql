SELECT customer, COLLECT(product) AS p FROM orders GROUP BY customer;

-- Flink 2.3.0:
-- columns: customer BIGINT, p MULTISET<STRING> NOT NULL
-- +I[10, {pen=1}]
-- +I[11, {ink=1}]
-- -U[10, {pen=1}]
-- +U[10, {pad=1, pen=1}]
-- +I[12, {pen=1}]
-- +I[null, {}]
-- -U[11, {ink=1}]
-- +U[11, {ink=1, pen=1}]
-- -U[10, {pad=1, pen=1}]
-- +U[10, {pad=1, pen=2}]
-- -U[12, {pen=1}]
-- +U[12, {ink=1, pen=1}]
-- +I[13, {cup=1}]
