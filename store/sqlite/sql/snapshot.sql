-- What only a snapshot reads.

-- name: holds.counted
SELECT allocations, count(*) FROM holds GROUP BY allocations;

-- name: event_log.batches_after
SELECT batch_id, position FROM event_log WHERE position > ? ORDER BY position LIMIT ?;

-- name: snapshot.last
SELECT (SELECT max(cart_id) FROM carts), (SELECT max(order_id) FROM orders), (SELECT max(task_id) FROM tasks),
       (SELECT max(webhook_id) FROM webhook_events), (SELECT max(session_id) FROM holds);

-- name: tasks.attended
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE attention = 1 AND order_id = ?;

-- name: webhook_events.id_by_key
SELECT gateway, event_key, webhook_id FROM webhook_events WHERE gateway = ? AND event_key = ?;

-- name: payments.of_charge
SELECT gateway, gateway_txn_id, payment_id FROM payments WHERE gateway = ? AND gateway_txn_id = ?;
