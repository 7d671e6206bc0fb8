-- The statements that both databases take.

-- name: save_product
insert into products (sku, name, price, currency) values ($1, $2, $3, $4)
on conflict (sku) do update set name = excluded.name, price = excluded.price, currency = excluded.currency

-- name: add_stock
insert into inventory (sku, available, locked, deducted, received) values ($1, $2, 0, 0, $2)
on conflict (sku) do update set available = inventory.available + excluded.available, received = inventory.received + excluded.received

-- name: take
update inventory set available = available - $2, locked = locked + $2 where sku = $1 and available >= $2

-- name: deduct
update inventory set locked = locked - $2, deducted = deducted + $2 where sku = $1

-- name: insert_hold
insert into holds (session_id, hold_id, items, expires_at) values ($1, $2, $3, $4) on conflict (session_id) do nothing

-- name: replace_hold
update holds set hold_id = $2, items = $3, expires_at = $4 where session_id = $1

-- name: drop_hold
delete from holds where session_id = $1 returning items

-- name: hold
select hold_id, items, expires_at from holds where session_id = $1

-- name: claim
insert into idempotency_keys (endpoint, key, request_hash, answer, created_at) values ($1, $2, $3, $4, $5)
on conflict (endpoint, key) do nothing

-- name: kept
select request_hash, answer from idempotency_keys where endpoint = $1 and key = $2

-- name: insert_cart
insert into carts (cart_id, currency, items, shipping_address, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)

-- name: update_cart
update carts set items = $2, shipping_address = $3, updated_at = $4 where cart_id = $1

-- name: cart
select cart_id, currency, items, shipping_address, created_at, updated_at from carts where cart_id = $1

-- name: insert_order
insert into orders (order_id, status, hold_status, amount, currency, hold_expires_at, created_at, details)
values ($1, 'PENDING', 'OPEN', $2, $3, $4, $5, $6)

-- name: order
select order_id, status, hold_status, amount, currency, hold_expires_at, created_at, confirmed_at, invoice_number, details
from orders where order_id = $1

-- name: items
select line_no, sku, name, qty, unit_price, total from order_items where order_id = $1 order by line_no

-- name: payments
select payment_id, order_id, request_hash, idempotency_key, attempt, method, status, extra, amount, currency,
       coalesce(gateway_txn_id, ''), coalesce(action_url, ''), coalesce(failure_code, ''), coalesce(failure_message, ''), created_at
from payments where order_id = $1 order by attempt

-- name: insert_payment
insert into payments (payment_id, order_id, idempotency_key, request_hash, attempt, method, status, amount, currency, created_at)
values ($1, $2, $3, $4, $5, $6, 'INITIATED', $7, $8, $9)

-- name: await_payment
update orders set status = 'AWAITING_PAYMENT', hold_expires_at = $2 where order_id = $1

-- name: open_payment
update payments set status = 'PENDING', gateway_ref = $2, action_url = $3 where payment_id = $1 and status = 'INITIATED'

-- name: fail_payment
update payments set status = 'FAILED', failure_code = $2, failure_message = $3, action_url = null
where payment_id = $1 and status in ('INITIATED', 'PENDING')

-- name: insert_event
insert into webhook_events (event_id, type, payload, received_at) values ($1, $2, $3, $4) on conflict (event_id) do nothing

-- name: pay
update payments set status = 'SUCCEEDED', gateway_txn_id = $2, extra = $3, action_url = null, failure_code = null, failure_message = null
where payment_id = $1

-- name: tell
insert into outbox (order_id, type, payload, created_at) values ($1, $2, $3, $4)

-- name: audit_stock
select 'stock of ' || sku || ' does not add up to the ' || received || ' received'
from inventory where received <> available + locked + deducted limit 20

-- name: audit_deducted
select 'stock of ' || sku || ' has ' || i.deducted || ' deducted and ' || coalesce(s.qty, 0) || ' sold'
from inventory i left join (
    select sku, sum(qty) as qty from order_items join orders using (order_id) where status = 'CONFIRMED' group by sku
) as s using (sku)
where i.deducted <> coalesce(s.qty, 0) limit 20

-- name: audit_invoices
select 'invoice ' || invoice_number || ' was given twice' from orders
where invoice_number is not null group by invoice_number having count(*) > 1 limit 20
