-- What a transaction writes: one statement a table, one array a column.

-- name: insert_customers
insert into customers (user_id, email, name, phone, tax_id)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]);

-- name: update_customers
with changed as (
    update customers c
    set email = u.email, name = u.name, phone = u.phone, tax_id = u.tax_id
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
        as u (user_id, email, name, phone, tax_id)
    where c.user_id = u.user_id
    returning 1
)
select all_changed(count(*), cardinality($1::text[])) from changed;

-- name: insert_products
insert into products (sku, created_at, updated_at, weight_g, active, name, tax_code, image, prices)
select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::boolean[],
    $6::text[], $7::text[], $8::text[], $9::json[]);

-- name: update_products
with changed as (
    update products p
    set created_at = u.created_at, updated_at = u.updated_at, weight_g = u.weight_g, active = u.active,
        name = u.name, tax_code = u.tax_code, image = u.image, prices = u.prices
    from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::boolean[],
        $6::text[], $7::text[], $8::text[], $9::json[])
        as u (sku, created_at, updated_at, weight_g, active, name, tax_code, image, prices)
    where p.sku = u.sku
    returning 1
)
select all_changed(count(*), cardinality($1::text[])) from changed;

-- name: insert_carts
insert into carts (cart_id, created_at, updated_at, currency, last_order, items, coupons, shipping_address)
select * from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::uuid[],
    $6::json[], $7::json[], $8::json[]);

-- name: update_carts
with changed as (
    update carts c
    set created_at = u.created_at, updated_at = u.updated_at, currency = u.currency, last_order = u.last_order, items = u.items, coupons = u.coupons, shipping_address = u.shipping_address
    from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::uuid[],
        $6::json[], $7::json[], $8::json[])
        as u (cart_id, created_at, updated_at, currency, last_order, items, coupons, shipping_address)
    where c.cart_id = u.cart_id
    returning 1
)
select all_changed(count(*), cardinality($1::uuid[])) from changed;

-- name: insert_holds
insert into holds (session_id, hold_id, created_at, expires_at, allocations)
select * from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::json[]);

-- name: update_holds
with changed as (
    update holds h
    set hold_id = u.hold_id, created_at = u.created_at, expires_at = u.expires_at, allocations = u.allocations
    from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::json[])
        as u (session_id, hold_id, created_at, expires_at, allocations)
    where h.session_id = u.session_id
    returning 1
)
select all_changed(count(*), cardinality($1::text[])) from changed;

-- name: delete_holds
delete from holds h using unnest($1::text[]) as u (session_id)
where h.session_id = u.session_id;

-- name: insert_levels
insert into inventory (sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]);

-- name: update_levels
with changed as (
    update inventory i
    set available_qty = u.available_qty, locked_qty = u.locked_qty, received_qty = u.received_qty,
        deducted_qty = u.deducted_qty, restocked_qty = u.restocked_qty
    from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        as u (sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty)
    where i.sku = u.sku and i.warehouse = u.warehouse
    returning 1
)
select all_changed(count(*), cardinality($1::text[])) from changed;

-- name: insert_adjustments
insert into stock_adjustments (sku, warehouse, adjustment_id, delta, counted, created_at, reason)
select * from unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[]);

-- name: insert_payments
insert into payments (payment_id, updated_at, captured, refund_committed, call_no, look_ups, looked_up_at, action_expires,
    closable, unknown, closing, superseded, extra, manual_capture, captured_currency, status,
    gateway_txn_id, gateway_ref, token, return_url, failure_code, failure_message, action,
    order_id, created_at, attempt, amount, currency, gateway, method, idempotency_key, request_hash)
select * from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::timestamptz[], $8::timestamptz[], $9::boolean[], $10::boolean[], $11::boolean[], $12::boolean[], $13::boolean[],
    $14::boolean[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[],
    $22::text[], $23::json[],
    $24::uuid[], $25::timestamptz[], $26::bigint[], $27::bigint[], $28::text[], $29::text[], $30::text[],
    $31::text[], $32::text[]);

-- name: update_payments
with changed as (
    update payments p
    set updated_at = u.updated_at, captured = u.captured, refund_committed = u.refund_committed, call_no = u.call_no,
        look_ups = u.look_ups, looked_up_at = u.looked_up_at, action_expires = u.action_expires, closable = u.closable,
        unknown = u.unknown, closing = u.closing, superseded = u.superseded, extra = u.extra,
        manual_capture = u.manual_capture, captured_currency = u.captured_currency, status = u.status,
        gateway_txn_id = u.gateway_txn_id, gateway_ref = u.gateway_ref, token = u.token, return_url = u.return_url,
        failure_code = u.failure_code, failure_message = u.failure_message, action = u.action
    from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::timestamptz[], $8::timestamptz[], $9::boolean[], $10::boolean[], $11::boolean[], $12::boolean[], $13::boolean[],
        $14::boolean[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[],
        $22::text[], $23::json[])
        as u (payment_id, updated_at, captured, refund_committed, call_no, look_ups, looked_up_at, action_expires,
        closable, unknown, closing, superseded, extra, manual_capture, captured_currency, status,
        gateway_txn_id, gateway_ref, token, return_url, failure_code, failure_message, action)
    where p.payment_id = u.payment_id
    returning 1
)
select all_changed(count(*), cardinality($1::uuid[])) from changed;

-- name: insert_charges
-- A charge that is this payment's already is left; another payment's is refused.
insert into payment_charges (gateway, gateway_txn_id, payment_id)
select u.gateway, u.gateway_txn_id, u.payment_id
from unnest($1::text[], $2::text[], $3::uuid[]) as u (gateway, gateway_txn_id, payment_id)
where not exists (
    select from payment_charges c
    where c.gateway = u.gateway and c.gateway_txn_id = u.gateway_txn_id and c.payment_id = u.payment_id);

-- name: insert_refs
insert into payment_refs (gateway, gateway_ref, payment_id)
select u.gateway, u.gateway_ref, u.payment_id
from unnest($1::text[], $2::text[], $3::uuid[]) as u (gateway, gateway_ref, payment_id)
where not exists (
    select from payment_refs r
    where r.gateway = u.gateway and r.gateway_ref = u.gateway_ref and r.payment_id = u.payment_id);

-- name: insert_refunds
insert into refunds (refund_id, updated_at, call_no, restock, status, reason, gateway_ref, failure_code, failure_message,
    order_id, payment_id, created_at, amount, currency, origin)
select * from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::boolean[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::uuid[], $11::uuid[], $12::timestamptz[], $13::bigint[], $14::text[], $15::text[]);

-- name: update_refunds
with changed as (
    update refunds r
    set updated_at = u.updated_at, call_no = u.call_no, restock = u.restock, status = u.status, reason = u.reason,
        gateway_ref = u.gateway_ref, failure_code = u.failure_code, failure_message = u.failure_message
    from unnest($1::uuid[], $2::timestamptz[], $3::bigint[], $4::boolean[], $5::text[], $6::text[], $7::text[],
        $8::text[], $9::text[])
        as u (refund_id, updated_at, call_no, restock, status, reason, gateway_ref, failure_code, failure_message)
    where r.refund_id = u.refund_id
    returning 1
)
select all_changed(count(*), cardinality($1::uuid[])) from changed;

-- name: insert_webhooks
insert into webhook_events (webhook_id, order_id, applied_at, status, received_at, gateway, event_key, event)
select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::json[]);

-- name: update_webhooks
with changed as (
    update webhook_events w
    set order_id = u.order_id, applied_at = u.applied_at, status = u.status
    from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[])
        as u (webhook_id, order_id, applied_at, status)
    where w.webhook_id = u.webhook_id
    returning 1
)
select all_changed(count(*), cardinality($1::uuid[])) from changed;

-- name: delete_tasks
delete from tasks t using unnest($1::uuid[], $2::uuid[]) as u (task_id, lease_id)
where t.task_id = u.task_id and (u.lease_id is null or t.lease_id = u.lease_id);

-- name: insert_tasks
insert into tasks (task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error)
select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::uuid[],
    $7::timestamptz[], $8::boolean[], $9::text[], $10::text[]);

-- name: insert_answers
insert into idempotency_keys (scope, key, request_hash, status, body, created_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bytea[], $6::timestamptz[]);

-- name: give_invoice_numbers
insert into counters (name, value)
select * from unnest($1::text[], $2::bigint[])
on conflict (name) do update set value = counters.value + excluded.value
returning name, value;

-- name: insert_invoices
insert into invoices (seq, series, order_id)
select c.value - u.later, u.series, u.order_id
from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[]) as u (order_id, counter, later, series)
join counters c on c.name = u.counter;

-- name: keep_invoices
-- Orders that have their number: another order's is refused, their own is left.
insert into invoices (seq, series, order_id)
select u.seq, u.series, u.order_id
from unnest($1::uuid[], $2::text[], $3::bigint[]) as u (order_id, series, seq)
where not exists (
    select from invoices i where i.series = u.series and i.seq = u.seq and i.order_id = u.order_id);

-- name: insert_orders
insert into orders (order_id, live_cart_id, hold_expires_at, updated_at, event_seq, invoice_seq,
    confirmed_at, closing_since, secured_by, hold_extended, superseded, restocked, status, hold_status,
    cancel_reason, invoice_series, log, allocations, cart_id, created_at, amount, currency, user_id, details)
select u.order_id, u.live_cart_id, u.hold_expires_at, u.updated_at, u.event_seq, nullif(u.invoice_seq, 0),
    u.confirmed_at, u.closing_since, u.secured_by, u.hold_extended, u.superseded, u.restocked, u.status, u.hold_status,
    u.cancel_reason, u.invoice_series, u.log::uuid[], u.allocations,
    u.cart_id, u.created_at, u.amount, u.currency, u.user_id, u.details
from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[],
    $7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::boolean[], $11::boolean[], $12::boolean[], $13::text[],
    $14::text[], $15::text[], $16::text[], $17::text[], $18::json[],
    $19::uuid[], $20::timestamptz[], $21::bigint[], $22::text[], $23::text[], $24::json[])
    as u (order_id, live_cart_id, hold_expires_at, updated_at, event_seq, invoice_seq,
    confirmed_at, closing_since, secured_by, hold_extended, superseded, restocked, status, hold_status,
    cancel_reason, invoice_series, log, allocations, cart_id, created_at, amount, currency, user_id, details);

-- name: update_orders
with changed as (
    update orders o
    set live_cart_id = u.live_cart_id, hold_expires_at = u.hold_expires_at, updated_at = u.updated_at,
        event_seq = u.event_seq, invoice_seq = nullif(u.invoice_seq, 0), confirmed_at = u.confirmed_at,
        closing_since = u.closing_since, secured_by = u.secured_by, hold_extended = u.hold_extended,
        superseded = u.superseded, restocked = u.restocked, status = u.status, hold_status = u.hold_status,
        cancel_reason = u.cancel_reason, invoice_series = u.invoice_series, log = u.log::uuid[],
        allocations = u.allocations
    from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[],
        $7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::boolean[], $11::boolean[], $12::boolean[], $13::text[],
        $14::text[], $15::text[], $16::text[], $17::text[], $18::json[])
        as u (order_id, live_cart_id, hold_expires_at, updated_at, event_seq, invoice_seq,
        confirmed_at, closing_since, secured_by, hold_extended, superseded, restocked, status, hold_status,
        cancel_reason, invoice_series, log, allocations)
    where o.order_id = u.order_id
    returning 1
)
select all_changed(count(*), cardinality($1::uuid[])) from changed;

-- name: update_invoiced_orders
-- The same for orders that get their invoice number in this commit: each names the
-- counter, and how many orders of this commit are numbered by it later.
with changed as (
    update orders o
    set live_cart_id = u.live_cart_id, hold_expires_at = u.hold_expires_at, updated_at = u.updated_at,
        event_seq = u.event_seq, invoice_seq = c.value - u.later, confirmed_at = u.confirmed_at,
        closing_since = u.closing_since, secured_by = u.secured_by, hold_extended = u.hold_extended,
        superseded = u.superseded, restocked = u.restocked, status = u.status, hold_status = u.hold_status,
        cancel_reason = u.cancel_reason, invoice_series = u.invoice_series, log = u.log::uuid[],
        allocations = u.allocations
    from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::bigint[],
        $7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::boolean[], $11::boolean[], $12::boolean[], $13::text[],
        $14::text[], $15::text[], $16::text[], $17::text[], $18::json[], $19::text[], $20::bigint[])
        as u (order_id, live_cart_id, hold_expires_at, updated_at, event_seq, invoice_seq,
        confirmed_at, closing_since, secured_by, hold_extended, superseded, restocked, status, hold_status,
        cancel_reason, invoice_series, log, allocations, counter, later)
    join counters c on c.name = u.counter
    where o.order_id = u.order_id
    returning 1
)
select all_changed(count(*), cardinality($1::uuid[])) from changed;

-- name: number_new_orders
-- A new order that is confirmed at once was inserted without its number.
update orders o
set invoice_seq = c.value - u.later
from unnest($1::uuid[], $2::text[], $3::bigint[]) as u (order_id, counter, later)
join counters c on c.name = u.counter
where o.order_id = u.order_id;

-- name: insert_items
insert into order_items (order_id, line_no, qty, unit_price, discount, tax, total, sku, name, tax_code)
select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::text[], $9::text[], $10::text[]);

-- name: append_log
-- The counter is the last lock of every commit, so positions follow the commits.
with taken as (
    update counters set value = value + 1 where name = 'events' returning value
)
insert into event_log (batch_id, position, fenced, events)
select $1::uuid, value, false, $2::json from taken;
