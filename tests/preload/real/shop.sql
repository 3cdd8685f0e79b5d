-- A small shop: tables, indexes, a trigger, a view, full-text search, JSON, window functions, and a check at the end.
PRAGMA page_size = 1024;
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer, item TEXT, price INTEGER, note BLOB);
CREATE TABLE log(id INTEGER PRIMARY KEY, what TEXT);
CREATE TRIGGER deleted AFTER DELETE ON orders BEGIN INSERT INTO log(what) VALUES ('deleted ' || old.item); END;
CREATE VIEW city_sales AS
    SELECT city, count(*) AS n, sum(price) AS total FROM customer JOIN orders ON customer = customer.id GROUP BY city;

BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO customer SELECT i, 'customer-' || i, 'city-' || (i * 7919 % 97) FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
INSERT INTO orders
SELECT i, 1 + i * 48271 % 2000, 'item-' || (i * 31 % 1009), i * 16807 % 10007, zeroblob(i % 50) || hex(i * 69621)
FROM n;
COMMIT;
CREATE INDEX orders_customer ON orders(customer);
CREATE INDEX orders_item ON orders(item, price);

SELECT * FROM city_sales ORDER BY total DESC LIMIT 10;
SELECT item, avg(price), group_concat(DISTINCT length(note)) FROM orders GROUP BY item ORDER BY item LIMIT 10;
SELECT item, price, rank() OVER (PARTITION BY item ORDER BY price, id) FROM orders ORDER BY item, price, id LIMIT 20;
SELECT json_group_array(json_object('id', id, 'item', item)) FROM (SELECT * FROM orders ORDER BY id LIMIT 500);
UPDATE orders SET note = note || '-' || upper(item) WHERE price % 3 = 0;
DELETE FROM orders WHERE id % 5 = 0;
SELECT count(*), max(what) FROM log;
SELECT count(*), sum(length(note)), max(note) FROM orders;
SELECT count(*) FROM orders a JOIN orders b ON a.item = b.item AND a.price = b.price AND a.id < b.id;
SELECT upper(group_concat(name, '')) FROM (SELECT name FROM customer ORDER BY name LIMIT 1500);
VACUUM;
PRAGMA integrity_check;
