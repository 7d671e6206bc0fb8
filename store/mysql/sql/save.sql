-- What a transaction writes: one statement a table, which gets the rows as JSON. An
-- update joins its rows to those of the table, and its caller counts what it has found.

-- name: begin
start transaction;

-- name: commit
commit;

-- name: rollback
rollback;

-- name: check_owner
-- Fails, by an error that nothing else makes, where the rows are somebody else's: before
-- this transaction has locked what their owner needs. take_position makes sure.
select if(c.owner <=> ?, 1, (select c.name union all select c.name)) from counters c where c.name = 'events';

-- name: claiming
-- Tells what kind of insert is at work: MariaDB does not say whose primary key it is
-- that a row would double. See claimed.
set @kassa_claiming = ?;

-- name: claimed
select @kassa_claiming;

-- name: insert_customers
insert into customers (user_id, email, name, phone, tax_id)
select u.user_id, u.email, u.name, u.phone, u.tax_id from {customers};

-- name: update_customers
update {customers} straight_join customers c force index (primary) on c.user_id = u.user_id
set c.email = u.email, c.name = u.name, c.phone = u.phone, c.tax_id = u.tax_id;

-- name: insert_products
insert into products (sku, created_at, updated_at, weight_g, active, name, tax_code, image, prices)
select u.sku, u.created_at, u.updated_at, u.weight_g, u.active, u.name, u.tax_code, u.image, u.prices from {products};

-- name: update_products
update {products} straight_join products p force index (primary) on p.sku = u.sku
set p.created_at = u.created_at, p.updated_at = u.updated_at, p.weight_g = u.weight_g, p.active = u.active,
    p.name = u.name, p.tax_code = u.tax_code, p.image = u.image, p.prices = u.prices;

-- name: insert_carts
insert into carts (cart_id, created_at, updated_at, currency, last_order, items, coupons, shipping_address)
select unhex(u.cart_id), u.created_at, u.updated_at, u.currency, unhex(u.last_order), u.items, u.coupons, u.shipping_address
from {carts};

-- name: update_carts
update {carts} straight_join carts c force index (primary) on c.cart_id = unhex(u.cart_id)
set c.created_at = u.created_at, c.updated_at = u.updated_at, c.currency = u.currency, c.last_order = unhex(u.last_order),
    c.items = u.items, c.coupons = u.coupons, c.shipping_address = u.shipping_address;

-- name: insert_holds
insert into holds (session_id, hold_id, created_at, expires_at, allocations)
select u.session_id, unhex(u.hold_id), u.created_at, u.expires_at, u.allocations from {holds};

-- name: update_holds
update {holds} straight_join holds h force index (primary) on h.session_id = u.session_id
set h.hold_id = unhex(u.hold_id), h.created_at = u.created_at, h.expires_at = u.expires_at, h.allocations = u.allocations;

-- name: delete_holds
delete h from {texts} straight_join holds h force index (primary) on h.session_id = u.text;

-- name: insert_levels
insert into inventory (sku, warehouse, available_qty, locked_qty, deducted_qty, restocked_qty, received_qty)
select u.sku, u.warehouse, u.available_qty, u.locked_qty, u.deducted_qty, u.restocked_qty, u.received_qty from {inventory};

-- name: update_levels
update {inventory} straight_join inventory i force index (primary) on i.sku = u.sku and i.warehouse = u.warehouse
set i.available_qty = u.available_qty, i.locked_qty = u.locked_qty, i.deducted_qty = u.deducted_qty,
    i.restocked_qty = u.restocked_qty, i.received_qty = u.received_qty;

-- name: insert_adjustments
insert into stock_adjustments (sku, warehouse, adjustment_id, delta, counted, created_at, reason)
select u.sku, u.warehouse, unhex(u.adjustment_id), u.delta, u.counted, u.created_at, u.reason from {adjustments};

-- name: insert_orders
insert into orders (order_id, live_cart_id, updated_at, confirmed_at, closing_since, hold_expires_at, status, hold_status,
    hold_extended, superseded, restocked, secured_by, invoice_seq, invoice_series, event_seq, cancel_reason, log,
    allocations, cart_id, user_id, created_at, amount, currency, email, details)
select unhex(u.order_id), unhex(u.live_cart_id), u.updated_at, u.confirmed_at, u.closing_since, u.hold_expires_at, u.status,
    u.hold_status, u.hold_extended, u.superseded, u.restocked, unhex(u.secured_by), u.invoice_seq, u.invoice_series,
    u.event_seq, u.cancel_reason, unhex(u.log), u.allocations, unhex(u.cart_id), u.user_id, u.created_at, u.amount,
    u.currency, u.email, u.details
from {new_orders};

-- name: update_orders
update {changed_orders} straight_join orders o force index (primary) on o.order_id = unhex(u.order_id)
set {set_order}, o.invoice_seq = u.invoice_seq;

-- name: number_orders
-- The counters have been raised by as many as their series needs: an order brings how
-- many are numbered after it.
update {changed_orders}
straight_join orders o force index (primary) on o.order_id = unhex(u.order_id)
straight_join counters c force index (primary) on c.name = concat('invoice:', u.invoice_series)
set {set_order}, o.invoice_seq = c.value - coalesce(u.invoice_seq, 0);

-- name: insert_payments
-- Each needs its order.
insert into payments (payment_id, updated_at, action_expires, looked_up_at, captured, refund_committed, captured_currency,
    call_no, look_ups, closable, find_by_ref, manual_capture, unknown, closing, superseded, extra, status, gateway_ref,
    lookup_ref, gateway_txn_id, return_url, token, failure_code, failure_message, action, order_id, created_at, amount,
    currency, attempt, gateway, method, idempotency_key, request_hash)
select unhex(u.payment_id), u.updated_at, u.action_expires, u.looked_up_at, u.captured, u.refund_committed,
    u.captured_currency, u.call_no, u.look_ups, u.closable, u.find_by_ref, u.manual_capture, u.unknown, u.closing,
    u.superseded, u.extra, u.status, u.gateway_ref, if(u.find_by_ref, u.gateway_ref, null), u.gateway_txn_id, u.return_url,
    u.token, u.failure_code, u.failure_message, u.action, o.order_id, u.created_at, u.amount, u.currency, u.attempt,
    u.gateway, u.method, u.idempotency_key, u.request_hash
from {new_payments} straight_join orders o force index (primary) on o.order_id = unhex(u.order_id);

-- name: update_payments
update {changed_payments} straight_join payments p force index (primary) on p.payment_id = unhex(u.payment_id)
set p.updated_at = u.updated_at, p.action_expires = u.action_expires, p.looked_up_at = u.looked_up_at,
    p.captured = u.captured, p.refund_committed = u.refund_committed, p.captured_currency = u.captured_currency,
    p.call_no = u.call_no, p.look_ups = u.look_ups, p.closable = u.closable, p.find_by_ref = u.find_by_ref,
    p.manual_capture = u.manual_capture, p.unknown = u.unknown, p.closing = u.closing, p.superseded = u.superseded,
    p.extra = u.extra, p.status = u.status, p.gateway_ref = u.gateway_ref,
    p.lookup_ref = if(u.find_by_ref, u.gateway_ref, null), p.gateway_txn_id = u.gateway_txn_id,
    p.return_url = u.return_url, p.token = u.token, p.failure_code = u.failure_code,
    p.failure_message = u.failure_message, p.action = u.action;

-- name: insert_refunds
insert into refunds (refund_id, updated_at, call_no, restock, status, reason, gateway_ref, failure_code, failure_message,
    order_id, payment_id, created_at, amount, currency, origin)
select unhex(u.refund_id), u.updated_at, u.call_no, u.restock, u.status, u.reason, u.gateway_ref, u.failure_code,
    u.failure_message, unhex(u.order_id), unhex(u.payment_id), u.created_at, u.amount, u.currency, u.origin
from {new_refunds};

-- name: update_refunds
update {changed_refunds} straight_join refunds r force index (primary) on r.refund_id = unhex(u.refund_id)
set r.updated_at = u.updated_at, r.call_no = u.call_no, r.restock = u.restock, r.status = u.status, r.reason = u.reason,
    r.gateway_ref = u.gateway_ref, r.failure_code = u.failure_code, r.failure_message = u.failure_message;

-- name: insert_webhooks
insert into webhook_events (webhook_id, order_id, applied_at, status, received_at, gateway, event_key, event)
select unhex(u.webhook_id), unhex(u.order_id), u.applied_at, u.status, u.received_at, u.gateway, u.event_key, u.event
from {new_webhooks};

-- name: update_webhooks
update {changed_webhooks} straight_join webhook_events w force index (primary) on w.webhook_id = unhex(u.webhook_id)
set w.order_id = unhex(u.order_id), w.applied_at = u.applied_at, w.status = u.status;

-- name: delete_tasks
delete t from {drops} straight_join tasks t force index (primary) on t.task_id = unhex(u.task_id)
where u.lease_id is null or t.lease_id = unhex(u.lease_id);

-- name: put_tasks
insert into tasks (task_id, order_id, created_at, due_at, free_at, leased_until, lease_id, attempts, kind, attention, last_error)
select unhex(u.task_id), unhex(u.order_id), u.created_at, u.due_at, u.free_at, u.leased_until, unhex(u.lease_id),
    u.attempts, u.kind, u.attention, u.last_error
from {tasks}
on duplicate key update order_id = unhex(u.order_id), created_at = u.created_at, due_at = u.due_at, free_at = u.free_at,
    leased_until = u.leased_until, lease_id = unhex(u.lease_id), attempts = u.attempts, kind = u.kind,
    attention = u.attention, last_error = u.last_error;

-- name: insert_answers
insert into idempotency_keys (key_id, order_id, created_at, status, request_hash, body)
select unhex(u.key_id), unhex(u.order_id), u.created_at, u.status, u.request_hash, unhex(u.body) from {answers};

-- name: lock_counters
-- Who raises other counters has this one first: two who insert the same new counter can
-- be a deadlock to InnoDB.
select value from counters where name = 'events' for update;

-- name: raise_counter
-- The new value is the insert id of the answer, but for a counter that is new.
insert into counters (name, value) values (?, ?)
on duplicate key update value = last_insert_id(value + ?);

-- name: take_position
-- The counter is the last lock of every commit, so positions follow the commits. It
-- is taken by the owner of the rows, if it stands where the owner has left it.
update counters set value = last_insert_id(value + 1)
where name = 'events' and owner <=> ? and (owner is null or value = ?);

-- name: append_log
-- Where the position was not taken there is nothing to insert, and the caller sees that.
insert into event_log (batch_id, position, fenced, events)
select ?, last_insert_id(), false, ? from dual where row_count() = 1;
