-- name: carts.insert
INSERT INTO carts (cart_id, currency, items, shipping_address, coupons, last_order_id, updated_at, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: carts.update
UPDATE carts
SET currency = ?2, items = ?3, shipping_address = ?4, coupons = ?5, last_order_id = ?6, updated_at = ?7
WHERE cart_id = ?1;

-- name: carts.by_id
SELECT c.cart_id, c.currency, c.items, c.shipping_address, c.coupons, c.last_order_id, c.created_at, c.updated_at
FROM json_each(?1) k
CROSS JOIN carts c ON c.cart_id = unhex(k.value);

-- name: carts.after
SELECT cart_id, currency, items, shipping_address, coupons, last_order_id, created_at, updated_at
FROM carts
WHERE cart_id > ?1
ORDER BY cart_id
LIMIT ?2;

-- name: customers.insert
INSERT INTO customers (user_id, email, name, phone, tax_id) VALUES (?1, ?2, ?3, ?4, ?5);

-- name: customers.update
UPDATE customers SET email = ?2, name = ?3, phone = ?4, tax_id = ?5 WHERE user_id = ?1;

-- name: customers.by_id
SELECT c.user_id, c.email, c.name, c.phone, c.tax_id
FROM json_each(?1) k
CROSS JOIN customers c ON c.user_id = k.value;

-- name: products.insert
INSERT INTO products (sku, name, prices, tax_code, weight_g, image, active, updated_at, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);

-- name: products.update
UPDATE products
SET name = ?2, prices = ?3, tax_code = ?4, weight_g = ?5, image = ?6, active = ?7, updated_at = ?8
WHERE sku = ?1;

-- name: products.by_sku
SELECT p.sku, p.name, p.prices, p.tax_code, p.weight_g, p.image, p.active, p.created_at, p.updated_at
FROM products p
WHERE p.sku IN (SELECT value FROM json_each(?1))
ORDER BY p.sku;

-- name: products.after
SELECT sku, name, prices, tax_code, weight_g, image, active, created_at, updated_at
FROM products
WHERE sku > ?1
ORDER BY sku
LIMIT ?2;
