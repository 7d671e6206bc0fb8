-- What a transaction writes: one statement a table, which gets an array of the
-- table's rows.

-- name: begin
begin;

-- name: commit
commit;

-- name: insert_customers
insert into customers select * from unnest($1::customers[]);

-- name: update_customers
with changed as (
    update customers c
    set email = u.email, name = u.name, phone = u.phone, tax_id = u.tax_id
    from unnest($1::customers[]) as u
    where c.user_id = u.user_id
    returning 1
)
select all_changed(count(*), cardinality($1::customers[])) from changed;

-- name: insert_products
insert into products select * from unnest($1::products[]);

-- name: update_products
with changed as (
    update products p
    set created_at = u.created_at, updated_at = u.updated_at, weight_g = u.weight_g, active = u.active,
        name = u.name, tax_code = u.tax_code, image = u.image, prices = u.prices
    from unnest($1::products[]) as u
    where p.sku = u.sku
    returning 1
)
select all_changed(count(*), cardinality($1::products[])) from changed;

-- name: insert_carts
insert into carts select * from unnest($1::carts[]);

-- name: update_carts
with changed as (
    update carts c
    set created_at = u.created_at, updated_at = u.updated_at, currency = u.currency, last_order = u.last_order,
        items = u.items, coupons = u.coupons, shipping_address = u.shipping_address
    from unnest($1::carts[]) as u
    where c.cart_id = u.cart_id
    returning 1
)
select all_changed(count(*), cardinality($1::carts[])) from changed;

-- name: insert_holds
insert into holds select * from unnest($1::holds[]);

-- name: update_holds
with changed as (
    update holds h
    set hold_id = u.hold_id, created_at = u.created_at, expires_at = u.expires_at, allocations = u.allocations
    from unnest($1::holds[]) as u
    where h.session_id = u.session_id
    returning 1
)
select all_changed(count(*), cardinality($1::holds[])) from changed;

-- name: delete_holds
delete from holds h using unnest($1::text[]) as u (session_id)
where h.session_id = u.session_id;

-- name: insert_levels
insert into inventory
select sku, warehouse, available_qty, locked_qty, deducted_qty, restocked_qty, received_qty, repeat(' ', 100)
from unnest($1::inventory[]);

-- name: update_levels
with changed as (
    update inventory i
    set available_qty = u.available_qty, locked_qty = u.locked_qty, deducted_qty = u.deducted_qty,
        restocked_qty = u.restocked_qty, received_qty = u.received_qty,
        room = case when u.received_qty = i.received_qty then null else i.room end
    from unnest($1::inventory[]) as u
    where i.sku = u.sku and i.warehouse = u.warehouse
    returning 1
)
select all_changed(count(*), cardinality($1::inventory[])) from changed;

-- name: insert_adjustments
insert into stock_adjustments select * from unnest($1::stock_adjustments[]);

-- name: insert_payments
-- Each needs its order.
with inserted as (
    insert into payments
    select u.* from unnest($1::payments[]) as u
    join orders o on o.order_id = u.order_id
    returning 1
)
select all_changed(count(*), cardinality($1::payments[])) from inserted;

-- name: update_payments
-- Of the task the row says: a kind, to put it; a lease alone, to end the task that
-- has this lease, the zero one to end any; nothing, to leave it. What has no kind is
-- no task: the rest of one that ended stays, because to clear it is to log it.
with changed as (
    update payments p
    set closable = u.closable, find_by_ref = u.find_by_ref, manual_capture = u.manual_capture, return_url = u.return_url,
        gateway_ref = u.gateway_ref, updated_at = u.updated_at, captured = u.captured,
        refund_committed = u.refund_committed, looked_up_at = u.looked_up_at, action_expires = u.action_expires,
        status = u.status, call_no = u.call_no, look_ups = u.look_ups, unknown = u.unknown, closing = u.closing,
        superseded = u.superseded, extra = u.extra, captured_currency = u.captured_currency,
        gateway_txn_id = u.gateway_txn_id, token = u.token, failure_code = u.failure_code,
        failure_message = u.failure_message, action = u.action,
        task_kind = case when u.task_kind is not null or ends_task(u.task_lease, p.task_lease) then u.task_kind else p.task_kind end,
        task_due_at = case when u.task_kind is null then p.task_due_at else u.task_due_at end,
        task_leased_until = case when u.task_kind is null then p.task_leased_until else u.task_leased_until end,
        task_lease = case when u.task_kind is null then p.task_lease else u.task_lease end
    from unnest($1::payments[]) as u
    where p.payment_id = u.payment_id
    returning 1
)
select all_changed(count(*), cardinality($1::payments[])) from changed;

-- name: end_payment_tasks
update payments p
set task_kind = null
from unnest($1::uuid[], $2::uuid[]) as u (payment_id, lease_id)
where p.payment_id = u.payment_id and p.task_kind is not null and (u.lease_id is null or p.task_lease = u.lease_id);

-- name: insert_reminders
insert into task_reminders select * from unnest($1::task_reminders[]);

-- name: insert_charges
-- A charge that is this payment's already is left; another payment's is refused.
insert into payment_charges
select * from unnest($1::payment_charges[]) as u
where not exists (
    select from payment_charges c
    where c.gateway = u.gateway and c.gateway_txn_id = u.gateway_txn_id and c.payment_id = u.payment_id);

-- name: insert_refs
insert into payment_refs
select * from unnest($1::payment_refs[]) as u
where not exists (
    select from payment_refs r
    where r.gateway = u.gateway and r.gateway_ref = u.gateway_ref and r.payment_id = u.payment_id);

-- name: insert_refunds
insert into refunds select * from unnest($1::refunds[]);

-- name: update_refunds
with changed as (
    update refunds r
    set updated_at = u.updated_at, call_no = u.call_no, restock = u.restock, status = u.status, reason = u.reason,
        gateway_ref = u.gateway_ref, failure_code = u.failure_code, failure_message = u.failure_message
    from unnest($1::refunds[]) as u
    where r.refund_id = u.refund_id
    returning 1
)
select all_changed(count(*), cardinality($1::refunds[])) from changed;

-- name: insert_webhooks
insert into webhook_events select * from unnest($1::webhook_events[]);

-- name: update_webhooks
with changed as (
    update webhook_events w
    set order_id = u.order_id, applied_at = u.applied_at, status = u.status
    from unnest($1::webhook_events[]) as u
    where w.webhook_id = u.webhook_id
    returning 1
)
select all_changed(count(*), cardinality($1::webhook_events[])) from changed;

-- name: delete_tasks
delete from tasks t using unnest($1::uuid[], $2::uuid[]) as u (task_id, lease_id)
where t.task_id = u.task_id and (u.lease_id is null or t.lease_id = u.lease_id);

-- name: insert_tasks
insert into tasks select * from unnest($1::tasks[]);

-- name: insert_answers
with inserted as (
    insert into idempotency_keys select * from unnest($1::idempotency_keys[])
    returning key_id
)
select keys_free(count(*)) from inserted i join orders o on o.answer_key = i.key_id;

-- name: insert_orders
with inserted as (
    insert into orders select * from unnest($1::orders[])
    returning answer_key
)
select keys_free(count(*)) from inserted i join idempotency_keys k on k.key_id = i.answer_key;

-- name: update_orders
with changed as (
    update orders o
    set live_cart_id = u.live_cart_id, hold_expires_at = u.hold_expires_at, updated_at = u.updated_at,
        confirmed_at = u.confirmed_at, closing_since = u.closing_since, invoice_seq = u.invoice_seq,
        event_seq = u.event_seq, status = u.status, hold_status = u.hold_status, hold_extended = u.hold_extended,
        superseded = u.superseded, restocked = u.restocked, secured_by = u.secured_by,
        cancel_reason = u.cancel_reason, invoice_series = u.invoice_series, log = u.log, allocations = u.allocations
    from unnest($1::orders[]) as u
    where o.order_id = u.order_id
    returning 1
)
select all_changed(count(*), cardinality($1::orders[])) from changed;

-- name: number_orders
-- Raises the counters of invoices and writes the orders that get their numbers: of
-- these invoice_seq tells how many the counter numbers after them.
with given as (
    insert into counters (name, value)
    select * from unnest($1::text[], $2::bigint[])
    on conflict (name) do update set value = counters.value + excluded.value
    returning name, value
), changed as (
    update orders o
    set live_cart_id = u.live_cart_id, hold_expires_at = u.hold_expires_at, updated_at = u.updated_at,
        confirmed_at = u.confirmed_at, closing_since = u.closing_since,
        invoice_seq = g.value - coalesce(u.invoice_seq, 0),
        event_seq = u.event_seq, status = u.status, hold_status = u.hold_status, hold_extended = u.hold_extended,
        superseded = u.superseded, restocked = u.restocked, secured_by = u.secured_by,
        cancel_reason = u.cancel_reason, invoice_series = u.invoice_series, log = u.log, allocations = u.allocations
    from unnest($3::orders[]) as u
    join given g on g.name = 'invoice:' || u.invoice_series
    where o.order_id = u.order_id
    returning 1
), checked as (
    select all_changed(count(*), cardinality($3::orders[])) from changed
)
select given.name, given.value from given, checked;

-- name: append_log
-- The counter is the last lock of every commit, so positions follow the commits. It
-- is taken by the owner of the rows, if it stands where the owner has left it.
with taken as (
    update counters set value = value + 1
    where name = 'events' and owner is not distinct from $3::uuid and (owner is null or value = $4::bigint)
    returning value
), logged as (
    insert into event_log (batch_id, position, fenced, events)
    select $1::uuid, value, false, $2::json from taken
    returning 1
)
select still_owned(count(*)) from logged;
