-- What a transaction reads before it is decided. Rows are locked in the order of the
-- keys, which the caller has sorted: the join is told its order and its index, or the
-- server might lock a whole table that is small today.

-- name: load_orders
select {order_columns}
from {ids} straight_join orders o force index (primary) on o.order_id = unhex(u.id)
for update;

-- name: load_payments
-- Children are read once their orders are locked: each statement sees what was
-- committed before it began.
select {payment_columns}
from {ids} straight_join payments p force index (payments_order_key) on p.order_id = unhex(u.id);

-- name: load_refunds
select {refund_columns}
from {ids} straight_join refunds r force index (refunds_order_id) on r.order_id = unhex(u.id);

-- name: load_carts
select c.cart_id, c.created_at, c.updated_at, c.currency, c.last_order, c.items, c.coupons, c.shipping_address
from {ids} straight_join carts c force index (primary) on c.cart_id = unhex(u.id)
for update;

-- name: load_holds
select h.session_id, h.hold_id, h.created_at, h.expires_at, h.allocations
from {texts} straight_join holds h force index (primary) on h.session_id = u.text
for update;

-- name: load_stock
select i.sku, i.warehouse, i.available_qty, i.locked_qty, i.received_qty, i.deducted_qty, i.restocked_qty
from {texts} straight_join inventory i force index (primary) on i.sku = u.text
for update;

-- name: load_customers
select c.user_id, c.email, c.name, c.phone, c.tax_id
from {texts} straight_join customers c force index (primary) on c.user_id = u.text;

-- name: load_answers
select a.key_id, a.order_id, a.created_at, a.status, a.request_hash, a.body
from {ids} straight_join idempotency_keys a force index (primary) on a.key_id = unhex(u.id);

-- name: load_webhooks
select {webhook_columns}
from {pairs} straight_join webhook_events w force index (webhook_events_key) on w.gateway = u.first and w.event_key = u.second;

-- name: now
-- In a transaction it comes last, when all locks are held: what another transaction
-- wrote to these rows was written before.
select sysdate(6);

-- name: load_position
-- Read when all locks are held: who changed one of these rows has taken its position
-- before, and who will change one takes his after.
select value from counters where name = 'events';
