SELECT customer, JSON_ARRAYAGG(JSON_OBJECT(KEY 'p' VALUE product, KEY 'q' VALUE qty)) AS l, JSON_ARRAYAGG(tags) AS t, JSON_ARRAYAGG(attrs) AS a, JSON_ARRAYAGG(items) AS i, JSON_ARRAYAGG(JSON_ARRAY(qty, price)) AS j FROM orders GROUP BY customer;

-- Flink 2.3.0:
-- columns: customer BIGINT, l VARCHAR(2000) NOT NULL, t VARCHAR(2000) NOT NULL, a VARCHAR(2000) NOT NULL, i VARCHAR(2000) NOT NULL, j VARCHAR(2000) NOT NULL
-- +I[10, [{"p":"pen","q":2}], [["red","fine"]], [{"w":5}], [[{"n":1,"sku":"p1"},{"n":3,"sku":"p2"}]], [[2,1.50]]]
-- +I[11, [{"p":"ink","q":1}], [["blue"]], [{"h":2,"w":50}], [[{"n":1,"sku":"i1"}]], [[1,8.00]]]
-- -U[10, [{"p":"pen","q":2}], [["red","fine"]], [{"w":5}], [[{"n":1,"sku":"p1"},{"n":3,"sku":"p2"}]], [[2,1.50]]]
-- +U[10, [{"p":"pen","q":2},{"p":"pad","q":5}], [["red","fine"],[]], [{"w":5},{}], [[{"n":1,"sku":"p1"},{"n":3,"sku":"p2"}],[]], [[2,1.50],[5,3.25]]]
-- +I[12, [{"p":"pen","q":null}], [], [], [], [[1.50]]]
-- +I[null, [{"p":null,"q":7}], [["red",null]], [{"w":null}], [[{"n":2,"sku":null}]], [[7]]]
-- -U[11, [{"p":"ink","q":1}], [["blue"]], [{"h":2,"w":50}], [[{"n":1,"sku":"i1"}]], [[1,8.00]]]
-- +U[11, [{"p":"ink","q":1},{"p":"pen","q":2}], [["blue"],["red","red"]], [{"h":2,"w":50},{"w":5}], [[{"n":1,"sku":"i1"}],[{"n":1,"sku":"p1"},{"n":1,"sku":"p1"}]], [[1,8.00],[2,1.75]]]
-- -U[10, [{"p":"pen","q":2},{"p":"pad","q":5}], [["red","fine"],[]], [{"w":5},{}], [[{"n":1,"sku":"p1"},{"n":3,"sku":"p2"}],[]], [[2,1.50],[5,3.25]]]
-- +U[10, [{"p":"pen","q":2},{"p":"pad","q":5},{"p":"pen","q":2}], [["red","fine"],[],["fine"]], [{"w":5},{},{"h":1}], [[{"n":1,"sku":"p1"},{"n":3,"sku":"p2"}],[],[{"n":9,"sku":"p3"}]], [[2,1.50],[5,3.25],[2,1.50]]]
-- -U[12, [{"p":"pen","q":null}], [], [], [], [[1.50]]]
-- +U[12, [{"p":"pen","q":null},{"p":"ink","q":3}], [["blue","red"]], [{"w":50}], [[{"n":2,"sku":"i1"},{"n":null,"sku":"i2"}]], [[1.50],[3,8.00]]]
-- +I[13, [{"p":"cup","q":-1}], [["new"]], [{"w":300}], [[{"n":1,"sku":"c1"}]], [[-1,12.40]]]
