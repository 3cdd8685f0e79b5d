-- Builds a small shop in memory and asks it questions. ROWS is put in by the runner.
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, item TEXT, price INTEGER, note TEXT);

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ROWS / 20)
INSERT INTO customer SELECT i, 'customer-' || i, 'city-' || (i * 7919 % 97) FROM n;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ROWS)
INSERT INTO orders
SELECT i, 1 + i * 48271 % (ROWS / 20), 'item-' || (i * 31 % 1009), i * 16807 % 10007,
       substr(hex(i * 69621), 1, 4 + i % 13)
FROM n;

CREATE INDEX orders_customer ON orders(customer);
CREATE INDEX orders_item ON orders(item, price);

SELECT city, count(*), sum(price) FROM customer JOIN orders ON orders.customer = customer.id
GROUP BY city ORDER BY 3 DESC LIMIT 5;
SELECT item, avg(price), group_concat(DISTINCT length(note)) FROM orders GROUP BY item ORDER BY item LIMIT 5;
UPDATE orders SET note = note || '-' || upper(item) WHERE price % 3 = 0;
DELETE FROM orders WHERE id % 5 = 0;
SELECT count(*), sum(length(note)), max(note) FROM orders;
SELECT count(*) FROM orders a JOIN orders b ON a.item = b.item AND a.price = b.price AND a.id < b.id;
VACUUM;
PRAGMA integrity_check;
