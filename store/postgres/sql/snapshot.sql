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

-- name: snapshot_held
select allocations::text, count(*) from holds group by 1;

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
-- Those of payments' rows are found by their reminders.
(select task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error
from tasks
where task_id > $1::uuid
order by task_id
limit $2::bigint)
union all
(select p.payment_id, p.order_id, coalesce(p.task_due_at, p.created_at), p.created_at, 0, p.task_lease, p.task_leased_until, false, p.task_kind, null
from (select distinct unnest(payments) as payment_id from task_reminders where remind_at > '-infinity' order by 1) r
join payments p on p.payment_id = r.payment_id
where r.payment_id > $1::uuid and p.task_kind is not null
order by r.payment_id
limit $2::bigint)
order by task_id
limit $2::bigint;

-- name: snapshot_webhooks
select *
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

-- name: snapshot_batches
select batch_id, position
from event_log
where position > $1::bigint
order by position
limit $2::bigint;

-- name: snapshot_counters
select name, value from counters;

-- name: snapshot_last
-- A payment's task may stand in its row.
select (select cart_id from carts order by cart_id desc limit 1),
       (select order_id from orders order by order_id desc limit 1),
       greatest((select task_id from tasks order by task_id desc limit 1),
           (select payment_id from payments order by payment_id desc limit 1)),
       (select webhook_id from webhook_events order by webhook_id desc limit 1),
       (select session_id from holds order by session_id desc limit 1);

-- name: find_carts
select cart_id, created_at, updated_at, currency, last_order, items, coupons, shipping_address
from carts
where cart_id = any($1::uuid[]);

-- name: find_tasks
select task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error
from tasks
where task_id = any($1::uuid[])
union all
select payment_id, order_id, coalesce(task_due_at, created_at), created_at, 0, task_lease, task_leased_until, false, task_kind, null
from payments
where payment_id = any($1::uuid[]) and task_kind is not null;

-- name: find_attended
-- What waits for an operator stands in tasks.
select task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error
from tasks
where attention and order_id = any($1::uuid[]);

-- name: find_webhooks
select *
from webhook_events
where webhook_id = any($1::uuid[]);

-- name: find_charges
select c.gateway, c.gateway_txn_id, c.payment_id
from unnest($1::text[], $2::text[]) as u (gateway, gateway_txn_id)
join payment_charges c on c.gateway = u.gateway and c.gateway_txn_id = u.gateway_txn_id;

-- name: find_events
select w.gateway, w.event_key, w.webhook_id
from unnest($1::text[], $2::text[]) as u (gateway, event_key)
join webhook_events w on w.gateway = u.gateway and w.event_key = u.event_key;
