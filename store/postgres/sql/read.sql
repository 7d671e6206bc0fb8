-- Queries. They lock nothing.

-- name: read_orders
-- Orders with their children as lists of rows: one statement sees one moment.
select order_id, cart_id, created_at, amount, currency, user_id, hold_expires_at, updated_at, confirmed_at,
       closing_since, invoice_seq, event_seq, status, hold_status, hold_extended, superseded, restocked,
       secured_by, cancel_reason, invoice_series, log, allocations,
       array(select p from payments p where p.order_id = o.order_id),
       array(select r from refunds r where r.order_id = o.order_id)
from orders o
where order_id = any($1::uuid[]);

-- name: read_whole_orders
-- The same with the snapshots of their checkouts.
select order_id, cart_id, created_at, amount, currency, user_id, hold_expires_at, updated_at, confirmed_at,
       closing_since, invoice_seq, event_seq, status, hold_status, hold_extended, superseded, restocked,
       secured_by, cancel_reason, invoice_series, log, allocations,
       array(select p from payments p where p.order_id = o.order_id),
       array(select r from refunds r where r.order_id = o.order_id),
       details
from orders o
where order_id = any($1::uuid[]);

-- name: list_orders
-- Ids begin with the time of their making; the exact bounds are on created_at.
select order_id
from orders
where order_id > $1::uuid and order_id < $2::uuid
  and ($3::text is null or status::text = $3)
  and ($4::text is null or details -> 'customer' ->> 0 = $4)
  and ($5::timestamptz is null or created_at >= $5)
  and ($6::timestamptz is null or created_at < $6)
order by order_id desc
limit $7::bigint;

-- name: list_orders_of_user
select order_id
from orders
where user_id = $8::text
  and order_id > $1::uuid and order_id < $2::uuid
  and ($3::text is null or status::text = $3)
  and ($4::text is null or details -> 'customer' ->> 0 = $4)
  and ($5::timestamptz is null or created_at >= $5)
  and ($6::timestamptz is null or created_at < $6)
order by order_id desc
limit $7::bigint;

-- name: find_payments_by_id
select order_id, payment_id from payments where payment_id = any($1::uuid[]);

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
where task_id = $1::uuid
union all
select payment_id, order_id, coalesce(task_due_at, created_at), created_at, 0, task_lease, task_leased_until, false, task_kind, null
from payments
where payment_id = $1::uuid and task_kind is not null;

-- name: list_attention
select task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error
from tasks
where attention and task_id > $1::uuid
order by task_id
limit $2::bigint;

-- name: read_webhook
select *
from webhook_events
where webhook_id = $1::uuid;
