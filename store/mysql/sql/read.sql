-- Queries. They lock nothing.

-- name: read_whole_orders
select {order_columns}, o.details
from {ids} straight_join orders o force index (primary) on o.order_id = unhex(u.id);

-- name: list_orders
-- Ids begin with the time of their making; the exact bounds are on created_at.
select o.order_id
from orders o force index (primary)
where o.order_id > ? and o.order_id < ?
  and (? is null or o.status = ?)
  and (? is null or o.email = ?)
  and (? is null or o.created_at >= ?)
  and (? is null or o.created_at < ?)
order by o.order_id desc
limit ?;

-- name: list_orders_of_user
select o.order_id
from orders o force index (orders_user_id)
where o.user_id = ?
  and o.order_id > ? and o.order_id < ?
  and (? is null or o.status = ?)
  and (? is null or o.email = ?)
  and (? is null or o.created_at >= ?)
  and (? is null or o.created_at < ?)
order by o.order_id desc
limit ?;

-- name: find_payment_by_id
select order_id, payment_id from payments where payment_id = ?;

-- name: find_payment_by_charge
select order_id, payment_id from payments where gateway = ? and gateway_txn_id = ?;

-- name: find_payment_by_ref
select order_id, payment_id
from payments force index (payments_ref)
where lookup_ref = ? and gateway = ?
order by payment_id
limit 1;

-- name: find_refund_by_id
select order_id, refund_id from refunds where refund_id = ?;

-- name: find_refund_by_ref
select r.order_id, r.refund_id
from refunds r force index (refunds_gateway_ref)
straight_join payments p force index (primary) on p.payment_id = r.payment_id
where r.gateway_ref = ? and p.gateway = ?
order by r.refund_id
limit 1;

-- name: read_products
select p.sku, p.created_at, p.updated_at, p.weight_g, p.active, p.name, p.tax_code, p.image, p.prices
from {texts} straight_join products p force index (primary) on p.sku = u.text;

-- name: list_products
select p.sku, p.created_at, p.updated_at, p.weight_g, p.active, p.name, p.tax_code, p.image, p.prices
from products p
where p.sku > ?
order by p.sku
limit ?;

-- name: read_log_entries
select l.batch_id, l.position, l.events
from {ids} straight_join event_log l force index (primary) on l.batch_id = unhex(u.id)
where not l.fenced;

-- name: read_tasks
select {task_columns}
from {ids} straight_join tasks t force index (primary) on t.task_id = unhex(u.id);

-- name: list_attention
-- Tasks that wait are the only ones that are never free.
select {task_columns}
from tasks t force index (tasks_free_at)
where t.free_at is null and t.task_id > ?
order by t.task_id
limit ?;

-- name: read_webhooks
select {webhook_columns}
from {ids} straight_join webhook_events w force index (primary) on w.webhook_id = unhex(u.id);

-- name: read_hold
select session_id, hold_id, created_at, expires_at, allocations from holds where session_id = ?;

-- name: read_levels
select sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty
from inventory force index (primary)
where sku = ?
order by warehouse;
