-- Queries. They lock nothing.

-- name: read_orders
select order_id, cart_id, created_at, amount, currency, user_id, hold_expires_at, updated_at,
       event_seq, invoice_seq, confirmed_at, closing_since, secured_by, hold_extended, superseded, restocked,
       status, hold_status, cancel_reason, invoice_series, log, allocations, details
from orders
where order_id = any($1::uuid[]);

-- name: read_items
select order_id, sku, name, tax_code, qty::bigint, unit_price, discount, tax, total
from order_items
where order_id = any($1::uuid[])
order by order_id, line_no;

-- name: read_payments
select payment_id, order_id, created_at, attempt, amount, currency, gateway, method,
       idempotency_key, request_hash, updated_at, captured, refund_committed, call_no, look_ups,
       looked_up_at, action_expires, closable, unknown, closing, superseded, extra, manual_capture,
       captured_currency, status, gateway_txn_id, gateway_ref, token, return_url, failure_code, failure_message, action
from payments
where order_id = any($1::uuid[])
order by attempt, payment_id;

-- name: read_refunds
select refund_id, order_id, payment_id, created_at, amount, currency, origin,
       updated_at, call_no, restock, status, reason, gateway_ref, failure_code, failure_message
from refunds
where order_id = any($1::uuid[])
order by created_at, refund_id;

-- name: list_orders
-- Ids begin with the time of their making; the exact bounds are on created_at.
select order_id
from orders
where order_id > $1::uuid and order_id < $2::uuid
  and ($3::text is null or status = $3)
  and ($4::text is null or details -> 'customer' ->> 'email' = $4)
  and ($5::timestamptz is null or created_at >= $5)
  and ($6::timestamptz is null or created_at < $6)
order by order_id desc
limit $7::bigint;

-- name: list_orders_of_user
select order_id
from orders
where user_id = $8::text
  and order_id > $1::uuid and order_id < $2::uuid
  and ($3::text is null or status = $3)
  and ($4::text is null or details -> 'customer' ->> 'email' = $4)
  and ($5::timestamptz is null or created_at >= $5)
  and ($6::timestamptz is null or created_at < $6)
order by order_id desc
limit $7::bigint;

-- name: find_payment_by_id
select order_id, payment_id from payments where payment_id = $1::uuid;

-- name: find_payment_by_charge
select p.order_id, p.payment_id
from payment_charges c
join payments p on p.payment_id = c.payment_id
where c.gateway = $1::text and c.gateway_txn_id = $2::text;

-- name: find_payment_by_ref
select p.order_id, p.payment_id
from payment_refs r
join payments p on p.payment_id = r.payment_id
where r.gateway = $1::text and r.gateway_ref = $2::text
order by r.payment_id
limit 1;

-- name: find_refund_by_id
select order_id, refund_id from refunds where refund_id = $1::uuid;

-- name: find_refund_by_ref
select r.order_id, r.refund_id
from refunds r
join payments p on p.payment_id = r.payment_id
where r.gateway_ref = $2::text and p.gateway = $1::text
order by r.refund_id
limit 1;

-- name: read_cart
select cart_id, created_at, updated_at, currency, last_order, items, coupons, shipping_address
from carts
where cart_id = $1::uuid;

-- name: read_hold
select session_id, hold_id, created_at, expires_at, allocations from holds where session_id = $1::text;

-- name: read_products
select sku, created_at, updated_at, weight_g, active, name, tax_code, image, prices
from products
where sku = any($1::text[])
order by sku;

-- name: list_products
select sku, created_at, updated_at, weight_g, active, name, tax_code, image, prices
from products
where sku > $1::text
order by sku
limit $2::bigint;

-- name: read_levels
select sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty
from inventory
where sku = $1::text
order by warehouse;

-- name: read_log_entries
select batch_id, position, events
from event_log
where batch_id = any($1::uuid[]) and not fenced
order by position;

-- name: read_task
select task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error
from tasks
where task_id = $1::uuid;

-- name: list_attention
select task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error
from tasks
where attention and task_id > $1::uuid
order by task_id
limit $2::bigint;

-- name: read_webhook
select webhook_id, order_id, received_at, applied_at, status, gateway, event_key, event
from webhook_events
where webhook_id = $1::uuid;
