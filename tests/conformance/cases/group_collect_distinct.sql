SELECT product, COLLECT(DISTINCT customer) AS l FROM orders GROUP BY product;

-- Flink 2.3.0:
-- columns: product STRING, l MULTISET<BIGINT> NOT NULL
-- +I[pen, {10=1}]
-- +I[ink, {11=1}]
-- +I[pad, {10=1}]
-- -U[pen, {10=1}]
-- +U[pen, {10=1, 12=1}]
-- +I[null, {}]
-- -U[pen, {10=1, 12=1}]
-- +U[pen, {10=1, 11=1, 12=1}]
-- -U[ink, {11=1}]
-- +U[ink, {11=1, 12=1}]
-- +I[cup, {13=1}]
