-- name: carts.insert
INSERT INTO carts (currency, items, shipping_address, coupons, last_order_id, updated_at, cart_id, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: carts.update
UPDATE carts
SET currency = ?, items = ?, shipping_address = ?, coupons = ?, last_order_id = ?, updated_at = ?
WHERE cart_id = ?;

-- name: carts.by_id
SELECT cart_id, currency, items, shipping_address, coupons, last_order_id, created_at, updated_at
FROM carts
WHERE cart_id = ?;

-- name: carts.after
SELECT cart_id, currency, items, shipping_address, coupons, last_order_id, created_at, updated_at
FROM carts
WHERE cart_id > ?
ORDER BY cart_id
LIMIT ?;

-- name: customers.insert
INSERT INTO customers (email, name, phone, tax_id, user_id) VALUES (?, ?, ?, ?, ?);

-- name: customers.update
UPDATE customers SET email = ?, name = ?, phone = ?, tax_id = ? WHERE user_id = ?;

-- name: customers.by_id
SELECT user_id, email, name, phone, tax_id FROM customers WHERE user_id = ?;

-- name: products.insert
INSERT INTO products (name, prices, tax_code, weight_g, image, active, updated_at, sku, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: products.update
UPDATE products
SET name = ?, prices = ?, tax_code = ?, weight_g = ?, image = ?, active = ?, updated_at = ?
WHERE sku = ?;

-- name: products.by_sku
SELECT sku, name, prices, tax_code, weight_g, image, active, created_at, updated_at FROM products WHERE sku = ?;

-- name: products.after
SELECT sku, name, prices, tax_code, weight_g, image, active, created_at, updated_at
FROM products
WHERE sku > ?
ORDER BY sku
LIMIT ?;
