-- name: orders.insert
INSERT INTO orders (order_id, status, live_cart_id, hold_status, hold_expires_at,
                    hold_extended, allocations, secured_by, superseded, closing_since,
                    restocked, cancel_reason, invoice_series, invoice_seq, event_seq, log,
                    updated_at, confirmed_at, user_id, amount, currency,
                    created_at, email, cart_id, details)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25);

-- name: orders.update
UPDATE orders
SET status = ?2, live_cart_id = ?3, hold_status = ?4, hold_expires_at = ?5,
    hold_extended = ?6, allocations = ?7, secured_by = ?8, superseded = ?9,
    closing_since = ?10, restocked = ?11, cancel_reason = ?12, invoice_series = ?13,
    invoice_seq = ?14, event_seq = ?15, log = ?16, updated_at = ?17, confirmed_at = ?18
WHERE order_id = ?1;

-- name: orders.by_id
SELECT o.order_id, o.cart_id, o.user_id, o.status, o.amount, o.currency, o.hold_status,
       o.hold_expires_at, o.hold_extended, o.allocations, o.secured_by, o.superseded,
       o.closing_since, o.restocked, o.cancel_reason, o.invoice_series, o.invoice_seq, o.event_seq, o.log,
       o.created_at, o.updated_at, o.confirmed_at
FROM json_each(?1) k
CROSS JOIN orders o ON o.order_id = unhex(k.value);

-- The bounds on ids keep a range of times from scanning the whole table: an id
-- begins with its time. The margin that the caller adds covers nodes' clocks.
-- name: orders.list
SELECT order_id
FROM orders
WHERE order_id < ?1 AND order_id >= ?2
  AND created_at >= ?3 AND created_at < ?4
  AND (?5 = '' OR status = ?5)
  AND (?6 = '' OR email = ?6)
ORDER BY order_id DESC
LIMIT ?7;

-- name: orders.list_of_user
SELECT order_id
FROM orders
WHERE user_id = ?8 AND order_id < ?1 AND order_id >= ?2
  AND created_at >= ?3 AND created_at < ?4
  AND (?5 = '' OR status = ?5)
  AND (?6 = '' OR email = ?6)
ORDER BY order_id DESC
LIMIT ?7;

-- name: orders.after
SELECT order_id FROM orders WHERE order_id > ?1 ORDER BY order_id LIMIT ?2;

-- name: orders.due
SELECT order_id, hold_expires_at
FROM orders
WHERE hold_status = 'OPEN' AND hold_expires_at > ?1 AND hold_expires_at <= ?2
ORDER BY hold_expires_at, order_id
LIMIT ?3;

-- name: orders.details
SELECT o.order_id, o.details
FROM json_each(?1) k
CROSS JOIN orders o ON o.order_id = unhex(k.value);

-- name: order_items.insert
INSERT INTO order_items (order_id, line_no, sku, qty, name, unit_price, discount, tax, total)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
