-- name: payments.insert
INSERT INTO payments (payment_id, status, gateway_txn_id, gateway_ref, captured,
                      captured_currency, refund_committed, token, manual_capture, closable,
                      call_no, unknown, closing, superseded, extra, action,
                      failure_code, failure_message, action_expires_at, look_ups, looked_up_at,
                      return_url, updated_at, order_id, attempt, gateway, method,
                      amount, currency, idempotency_key, request_hash, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
        ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32);

-- name: payments.update
UPDATE payments
SET status = ?2, gateway_txn_id = ?3, gateway_ref = ?4, captured = ?5,
    captured_currency = ?6, refund_committed = ?7, token = ?8, manual_capture = ?9, closable = ?10,
    call_no = ?11, unknown = ?12, closing = ?13, superseded = ?14, extra = ?15, action = ?16,
    failure_code = ?17, failure_message = ?18, action_expires_at = ?19, look_ups = ?20,
    looked_up_at = ?21, return_url = ?22, updated_at = ?23
WHERE payment_id = ?1;

-- name: payments.by_order
SELECT p.payment_id, p.order_id, p.attempt, p.gateway, p.method, p.status, p.amount, p.currency,
       p.captured, p.captured_currency, p.refund_committed, p.idempotency_key, p.request_hash,
       p.gateway_ref, p.gateway_txn_id, p.token, p.return_url, p.manual_capture, p.closable,
       p.call_no, p.unknown, p.closing, p.superseded, p.extra, p.action, p.failure_code,
       p.failure_message, p.action_expires_at, p.look_ups, p.looked_up_at, p.created_at, p.updated_at
FROM json_each(?1) k
CROSS JOIN payments p ON p.order_id = unhex(k.value)
ORDER BY p.attempt, p.payment_id;

-- name: payments.by_id
SELECT order_id, payment_id FROM payments WHERE payment_id = ?1;

-- name: payments.by_charge
SELECT order_id, payment_id FROM payments WHERE gateway = ?1 AND gateway_txn_id = ?2;

-- name: payments.by_gateway_ref
SELECT order_id, payment_id
FROM payments
WHERE gateway = ?1 AND gateway_ref = ?2
ORDER BY payment_id
LIMIT 1;

-- name: refunds.insert
INSERT INTO refunds (refund_id, status, gateway_ref, reason, restock, call_no,
                     failure_code, failure_message, updated_at, order_id, payment_id,
                     amount, currency, origin, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15);

-- name: refunds.update
UPDATE refunds
SET status = ?2, gateway_ref = ?3, reason = ?4, restock = ?5, call_no = ?6,
    failure_code = ?7, failure_message = ?8, updated_at = ?9
WHERE refund_id = ?1;

-- name: refunds.by_order
SELECT r.refund_id, r.order_id, r.payment_id, r.amount, r.currency, r.status, r.origin, r.reason,
       r.restock, r.gateway_ref, r.call_no, r.failure_code, r.failure_message, r.created_at, r.updated_at
FROM json_each(?1) k
CROSS JOIN refunds r ON r.order_id = unhex(k.value)
ORDER BY r.created_at, r.refund_id;

-- name: refunds.by_id
SELECT order_id, refund_id FROM refunds WHERE refund_id = ?1;

-- name: refunds.by_gateway_ref
SELECT r.order_id, r.refund_id
FROM refunds r
JOIN payments p ON p.payment_id = r.payment_id
WHERE r.gateway_ref = ?2 AND p.gateway = ?1
ORDER BY r.refund_id
LIMIT 1;
