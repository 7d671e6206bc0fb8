-- name: payments.insert
INSERT INTO payments (status, gateway_txn_id, gateway_ref, captured, refund_committed, flags, action, action_expires_at,
                      return_url, seldom, updated_at, payment_id, order_id, attempt, gateway, method, amount, currency,
                      idempotency_key, request_hash, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: payments.update
UPDATE payments
SET status = ?, gateway_txn_id = ?, gateway_ref = ?, captured = ?, refund_committed = ?, flags = ?, action = ?,
    action_expires_at = ?, return_url = ?, seldom = ?, updated_at = ?
WHERE payment_id = ? AND payment_no = ?;

-- name: payments.number
SELECT payment_no FROM payments WHERE payment_id = ?;

-- name: payments.by_order
SELECT payment_id, order_id, attempt, gateway, method, status, amount, currency, idempotency_key, request_hash,
       gateway_ref, gateway_txn_id, return_url, captured, refund_committed, flags, action, action_expires_at, seldom,
       created_at, updated_at
FROM payments
WHERE order_id = ?
ORDER BY attempt, payment_id;

-- name: payments.by_id
SELECT order_id, payment_id FROM payments WHERE payment_id = ?;

-- name: payments.by_charge
SELECT order_id, payment_id FROM payments WHERE gateway = ? AND gateway_txn_id = ?;

-- name: payments.by_gateway_ref
SELECT order_id, payment_id
FROM payments
WHERE gateway = ? AND gateway_ref = ? AND flags & 1
ORDER BY payment_id
LIMIT 1;

-- name: refunds.insert
INSERT INTO refunds (status, gateway_ref, reason, restock, call_no, failure_code, failure_message, updated_at,
                     refund_id, order_id, payment_id, amount, currency, origin, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: refunds.update
UPDATE refunds
SET status = ?, gateway_ref = ?, reason = ?, restock = ?, call_no = ?, failure_code = ?, failure_message = ?,
    updated_at = ?
WHERE refund_id = ?;

-- name: refunds.by_order
SELECT refund_id, order_id, payment_id, amount, currency, status, origin, reason, restock, gateway_ref, call_no,
       failure_code, failure_message, created_at, updated_at
FROM refunds
WHERE order_id = ?
ORDER BY created_at, refund_id;

-- name: refunds.by_id
SELECT order_id, refund_id FROM refunds WHERE refund_id = ?;

-- name: refunds.by_gateway_ref
SELECT r.order_id, r.refund_id
FROM refunds r
JOIN payments p ON p.payment_id = r.payment_id
WHERE p.gateway = ? AND r.gateway_ref = ?
ORDER BY r.refund_id
LIMIT 1;
