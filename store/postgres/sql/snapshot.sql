-- One consistent view, walked by key.

-- name: snapshot_levels
select sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty
from inventory
where (sku, warehouse) > ($1::text, $2::text)
order by sku, warehouse
limit $3::bigint;

-- name: snapshot_adjusted
select sku, warehouse, sum(delta)::bigint
from stock_adjustments
where (sku, warehouse) > ($1::text, $2::text)
group by sku, warehouse
order by sku, warehouse
limit $3::bigint;

-- name: snapshot_holds
select session_id, hold_id, created_at, expires_at, allocations
from holds
where session_id > $1::text
order by session_id
limit $2::bigint;

-- name: snapshot_carts
select cart_id, created_at, updated_at, currency, last_order, items, coupons, shipping_address
from carts
where cart_id > $1::uuid
order by cart_id
limit $2::bigint;

-- name: snapshot_orders
select order_id from orders where order_id > $1::uuid order by order_id limit $2::bigint;

-- name: snapshot_tasks
select task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error
from tasks
where task_id > $1::uuid
order by task_id
limit $2::bigint;

-- name: snapshot_webhooks
select webhook_id, order_id, received_at, applied_at, status, gateway, event_key, event
from webhook_events
where webhook_id > $1::uuid
order by webhook_id
limit $2::bigint;

-- name: snapshot_log
select batch_id, position, events
from event_log
where position > $1::bigint
order by position
limit $2::bigint;

-- name: snapshot_counters
select name, value from counters;
