-- What a transaction reads before it is decided. Rows are locked in the order of
-- their keys: the lock is taken above the sort, and the keys never change.

-- name: load_now
-- The clock comes last, when all locks are held: what another transaction wrote
-- to these rows was written before.
select clock_timestamp();

-- name: load_position
-- Read when all locks are held: who changed one of these rows has taken its position
-- before, and who will change one takes his after.
select value from counters where name = 'events';

-- name: load_orders
select order_id, cart_id, created_at, amount, currency, user_id, hold_expires_at, updated_at, confirmed_at,
       closing_since, invoice_seq, event_seq, status, hold_status, hold_extended, superseded, restocked,
       secured_by, cancel_reason, invoice_series, log, allocations
from orders
where order_id = any($1::uuid[])
order by order_id
for update;

-- name: load_payments
-- Children are read once their orders are locked: a lock that was waited for shows
-- later rows of its own table only.
select * from payments where order_id = any($1::uuid[]) order by attempt, payment_id;

-- name: load_refunds
select * from refunds where order_id = any($1::uuid[]) order by created_at, refund_id;

-- name: load_carts
select cart_id, created_at, updated_at, currency, last_order, items, coupons, shipping_address
from carts
where cart_id = any($1::uuid[])
order by cart_id
for update;

-- name: load_holds
select session_id, hold_id, created_at, expires_at, allocations
from holds
where session_id = any($1::text[])
order by session_id
for update;

-- name: load_stock
select sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty
from inventory
where sku = any($1::text[])
order by sku, warehouse
for update;

-- name: load_customers
select user_id, email, name, phone, tax_id
from customers
where user_id = any($1::text[]);

-- name: load_answers
select key_id, request_hash, status, body, order_id, created_at
from idempotency_keys
where key_id = any($1::uuid[])
union all
select answer_key, answer_hash, answer_status, null, order_id, created_at
from orders
where answer_key = any($1::uuid[]);

-- name: load_webhooks
select w.*
from unnest($1::text[], $2::text[]) as u (gateway, event_key)
join webhook_events w on w.gateway = u.gateway and w.event_key = u.event_key;
