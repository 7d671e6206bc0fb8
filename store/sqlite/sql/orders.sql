-- name: orders.insert
INSERT INTO orders (status, hold_status, flags, allocations, secured_by, seldom, invoice_series, invoice_seq, event_seq,
                    log, updated_at, confirmed_at, live_cart_id, hold_expires_at, order_id, cart_id, user_id, amount,
                    currency, created_at, email)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: order_details.insert
INSERT INTO order_details (order_no, details) VALUES (?, ?);

-- name: orders.number
SELECT order_no FROM orders WHERE order_id = ?;

-- Touches no index, and no row where a column of one would change.
-- name: orders.update
UPDATE orders
SET status = ?, hold_status = ?, flags = ?, allocations = ?, secured_by = ?, seldom = ?, invoice_series = ?,
    invoice_seq = ?, event_seq = ?, log = ?, updated_at = ?, confirmed_at = ?
WHERE order_no = ? AND order_id = ? AND live_cart_id IS ? AND hold_expires_at IS ?;

-- name: orders.update_indexed
UPDATE orders
SET live_cart_id = ?, hold_expires_at = ?,
    status = ?, hold_status = ?, flags = ?, allocations = ?, secured_by = ?, seldom = ?, invoice_series = ?,
    invoice_seq = ?, event_seq = ?, log = ?, updated_at = ?, confirmed_at = ?
WHERE order_id = ?;

-- name: orders.by_id
SELECT order_id, cart_id, user_id, status, amount, currency, hold_status, hold_expires_at, flags, allocations,
       secured_by, seldom, invoice_series, invoice_seq, event_seq, log, created_at,
       updated_at, confirmed_at
FROM orders
WHERE order_id = ?;

-- name: orders.whole_by_id
SELECT order_id, cart_id, user_id, status, amount, currency, hold_status, hold_expires_at, flags, allocations,
       secured_by, seldom, invoice_series, invoice_seq, event_seq, log, created_at,
       updated_at, confirmed_at, details
FROM orders
JOIN order_details USING (order_no)
WHERE order_id = ?;

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
SELECT order_id FROM orders WHERE order_id > ? ORDER BY order_id LIMIT ?;

-- name: orders.due
SELECT order_id, hold_expires_at
FROM orders
WHERE hold_status = 'OPEN' AND hold_expires_at > ? AND hold_expires_at <= ?
ORDER BY hold_expires_at, order_id
LIMIT ?;
