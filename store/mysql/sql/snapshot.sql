-- One consistent view, walked by key.

-- name: one_moment
set transaction isolation level repeatable read;

-- name: begin_snapshot
start transaction with consistent snapshot, read only;

-- name: snapshot_levels
select sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty
from inventory force index (primary)
where sku > ? or (sku = ? and warehouse > ?)
order by sku, warehouse
limit ?;

-- name: snapshot_adjusted
select sku, warehouse, cast(sum(delta) as signed)
from stock_adjustments force index (primary)
where sku > ? or (sku = ? and warehouse > ?)
group by sku, warehouse
order by sku, warehouse
limit ?;

-- name: snapshot_held
select allocations from holds;

-- name: snapshot_holds
select session_id, hold_id, created_at, expires_at, allocations
from holds force index (primary)
where session_id > ?
order by session_id
limit ?;

-- name: snapshot_carts
select c.cart_id, c.created_at, c.updated_at, c.currency, c.last_order, c.items, c.coupons, c.shipping_address
from carts c force index (primary)
where c.cart_id > ?
order by c.cart_id
limit ?;

-- name: snapshot_orders
select order_id from orders force index (primary) where order_id > ? order by order_id limit ?;

-- name: snapshot_tasks
select {task_columns} from tasks t force index (primary) where t.task_id > ? order by t.task_id limit ?;

-- name: snapshot_webhooks
select {webhook_columns}
from webhook_events w force index (primary)
where w.webhook_id > ?
order by w.webhook_id
limit ?;

-- name: snapshot_log
select batch_id, position, events
from event_log force index (event_log_position)
where position > ?
order by position
limit ?;

-- name: snapshot_batches
select batch_id, position
from event_log force index (event_log_position)
where position > ?
order by position
limit ?;

-- name: snapshot_counters
select name, value from counters;

-- name: snapshot_last
select (select cart_id from carts order by cart_id desc limit 1),
       (select order_id from orders order by order_id desc limit 1),
       (select task_id from tasks order by task_id desc limit 1),
       (select webhook_id from webhook_events order by webhook_id desc limit 1),
       (select session_id from holds order by session_id desc limit 1);

-- name: find_carts
select c.cart_id, c.created_at, c.updated_at, c.currency, c.last_order, c.items, c.coupons, c.shipping_address
from {ids} straight_join carts c force index (primary) on c.cart_id = unhex(u.id);

-- name: find_attended
-- What waits for an operator, and nothing else, is never free.
select {task_columns}
from {ids} straight_join tasks t force index (tasks_free_at) on t.free_at is null and t.order_id = unhex(u.id);

-- name: find_charges
select p.gateway, p.gateway_txn_id, p.payment_id
from {pairs} straight_join payments p force index (payments_charge) on p.gateway = u.first and p.gateway_txn_id = u.second;

-- name: find_events
select w.gateway, w.event_key, w.webhook_id
from {pairs} straight_join webhook_events w force index (webhook_events_key) on w.gateway = u.first and w.event_key = u.second;
