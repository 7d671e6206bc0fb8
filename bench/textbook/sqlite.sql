-- SQLite's tables, and the statements that only it takes. There is one writer, so
-- that nothing needs to be locked.

-- name: schema
create table if not exists products (
    sku      text primary key,
    name     text not null,
    price    integer not null, -- minor units
    currency text not null
) without rowid;

create table if not exists inventory (
    sku       text primary key,
    available integer not null check (available >= 0),
    locked    integer not null,
    deducted  integer not null,
    received  integer not null
) without rowid;

-- Ids are blobs of 16 bytes; times are microseconds, which the driver reads and
-- writes by the name of the type.
create table if not exists carts (
    cart_id          blob primary key,
    currency         text not null,
    items            text not null,
    shipping_address text not null,
    created_at       timestamp not null,
    updated_at       timestamp not null
) without rowid;

create table if not exists holds (
    session_id text primary key,
    hold_id    blob not null,
    items      text not null,
    expires_at timestamp not null
) without rowid;
create index if not exists holds_expires_at on holds (expires_at);

create table if not exists orders (
    order_id        blob primary key,
    status          text not null,
    hold_status     text not null,
    amount          integer not null, -- minor units
    currency        text not null,
    hold_expires_at timestamp not null,
    created_at      timestamp not null,
    confirmed_at    timestamp,
    invoice_number  integer,
    details         text not null
) without rowid;
create index if not exists orders_open on orders (hold_expires_at) where hold_status = 'OPEN';
create unique index if not exists orders_invoice_number on orders (invoice_number) where invoice_number is not null;

create table if not exists order_items (
    order_id   blob not null,
    line_no    integer not null,
    sku        text not null,
    name       text not null,
    qty        integer not null,
    unit_price integer not null,
    total      integer not null,
    primary key (order_id, line_no)
) without rowid;

create table if not exists payments (
    payment_id      blob primary key,
    order_id        blob not null references orders,
    idempotency_key text not null,
    request_hash    blob not null,
    attempt         integer not null,
    method          text not null,
    status          text not null,
    extra           boolean not null default false, -- money that confirms no order
    amount          integer not null,
    currency        text not null,
    gateway_ref     text,
    gateway_txn_id  text,
    action_url      text,
    failure_code    text,
    failure_message text,
    created_at      timestamp not null,
    unique (order_id, idempotency_key)
) without rowid;

create table if not exists webhook_events (
    event_id    text primary key,
    type        text not null,
    payload     text not null,
    received_at timestamp not null
) without rowid;

-- With a rowid: rows stand in the order of writing, so that the oldest are found
-- without an index.
create table if not exists idempotency_keys (
    endpoint     text not null,
    key          text not null,
    request_hash blob not null,
    answer       text not null,
    created_at   timestamp not null,
    unique (endpoint, key)
);

create table if not exists outbox (
    id         integer primary key,
    order_id   blob not null,
    type       text not null,
    payload    text not null,
    created_at timestamp not null
);

-- name: shelf
select p.sku, p.name, p.price, p.currency, i.available from products p join inventory i using (sku) where p.sku in (select value from json_each($1))

-- name: lock_hold
select hold_id, items, expires_at from holds where session_id = $1

-- name: expire_holds
delete from holds where session_id in
    (select session_id from holds where expires_at <= $1 order by expires_at limit $2)
returning items

-- name: purge_keys
delete from idempotency_keys where rowid < coalesce((select min(rowid) from idempotency_keys where created_at >= $1), 9223372036854775807)

-- name: insert_items
insert into order_items (order_id, line_no, sku, name, qty, unit_price, total)
select $1, line_no, sku, name, qty, unit_price, total
from (select value ->> 'line_no' as line_no, value ->> 'sku' as sku, value ->> 'name' as name, value ->> 'qty' as qty,
             value ->> 'unit_price' as unit_price, value ->> 'total' as total from json_each($2))

-- name: lock_order
select order_id, status, hold_status, amount, currency, hold_expires_at, created_at, confirmed_at, invoice_number, details
from orders where order_id = $1

-- name: lock_payment
select o.order_id, p.status, o.status, o.amount, o.currency
from payments p join orders o using (order_id) where p.payment_id = $1

-- name: confirm_order
update orders set status = 'CONFIRMED', hold_status = 'CLAIMED', confirmed_at = $2, invoice_number =
    (select coalesce(max(invoice_number), 0) + 1 from orders where invoice_number is not null)
where order_id = $1

-- name: expire_orders
update orders set status = 'EXPIRED', hold_status = 'EXPIRED' where order_id in
    (select order_id from orders where hold_status = 'OPEN' and hold_expires_at <= $1 order by hold_expires_at limit $2)
returning hex(order_id)

-- name: expired_items
select sku, sum(qty) from order_items where order_id in (select unhex(value) from json_each($1)) group by sku

-- name: tell_expired
insert into outbox (order_id, type, payload, created_at) select unhex(value), 'order.expired', '{}', $2 from json_each($1)

-- name: audit_locked
select 'stock of ' || sku || ' has ' || i.locked || ' locked and ' || coalesce(h.qty, 0) || ' held'
from inventory i left join (
    select sku, sum(qty) as qty from (
        select item.value ->> 'sku' as sku, item.value ->> 'qty' as qty from holds, json_each(items) as item
        union all
        select sku, qty from order_items join orders using (order_id) where hold_status = 'OPEN'
    ) as held group by sku
) as h using (sku)
where i.locked <> coalesce(h.qty, 0) limit 20

-- name: audit_confirmed
select 'order ' || hex(order_id) || ' is confirmed and was not paid exactly once' from orders o
where status = 'CONFIRMED' and 1 <> (
    select count(*) from payments p where p.order_id = o.order_id and p.status = 'SUCCEEDED' and not extra and p.amount = o.amount)
limit 20

-- name: audit_paid
select 'order ' || hex(order_id) || ' is paid and not confirmed' from payments p join orders o using (order_id)
where p.status = 'SUCCEEDED' and not p.extra and o.status <> 'CONFIRMED' limit 20

-- name: audit_told
select 'order ' || hex(o.order_id) || ' is confirmed and was not told of exactly once' from orders o left join (
    select order_id, count(*) as times from outbox where type = 'order.confirmed' group by order_id
) as t using (order_id)
where o.status = 'CONFIRMED' and coalesce(t.times, 0) <> 1 limit 20
