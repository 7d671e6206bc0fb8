-- PostgreSQL's tables, and the statements that only it takes.

-- name: schema
create table if not exists products (
    sku      text collate "C" primary key,
    name     text not null,
    price    bigint not null, -- minor units
    currency text not null
);

-- Room on each page keeps the updates of stock off the index.
create table if not exists inventory (
    sku       text collate "C" primary key,
    available bigint not null check (available >= 0),
    locked    bigint not null,
    deducted  bigint not null,
    received  bigint not null
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create table if not exists carts (
    cart_id          uuid primary key,
    currency         text not null,
    items            json not null,
    shipping_address json not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null
) with (fillfactor = 60);

create table if not exists holds (
    session_id text collate "C" primary key,
    hold_id    uuid not null,
    items      json not null,
    expires_at timestamptz not null
);
create index if not exists holds_expires_at on holds (expires_at);

create table if not exists orders (
    order_id        uuid primary key,
    status          text not null,
    hold_status     text not null,
    amount          bigint not null, -- minor units
    currency        text not null,
    hold_expires_at timestamptz not null,
    created_at      timestamptz not null,
    confirmed_at    timestamptz,
    invoice_number  bigint,
    details         json not null
) with (fillfactor = 60);
-- Open orders alone, for the sweeper. It names hold_status and not status, which
-- changes once more in an order's life.
create index if not exists orders_open on orders (hold_expires_at) where hold_status = 'OPEN';
create sequence if not exists invoice_numbers;

create table if not exists order_items (
    order_id   uuid not null,
    line_no    integer not null,
    sku        text not null,
    name       text not null,
    qty        bigint not null,
    unit_price bigint not null,
    total      bigint not null,
    primary key (order_id, line_no)
);

create table if not exists payments (
    payment_id      uuid primary key,
    order_id        uuid not null references orders,
    idempotency_key text not null,
    request_hash    bytea not null,
    attempt         integer not null,
    method          text not null,
    status          text not null,
    extra           boolean not null default false, -- money that confirms no order
    amount          bigint not null,
    currency        text not null,
    gateway_ref     text,
    gateway_txn_id  text,
    action_url      text,
    failure_code    text,
    failure_message text,
    created_at      timestamptz not null,
    unique (order_id, idempotency_key)
) with (fillfactor = 60);

create table if not exists webhook_events (
    event_id    text collate "C" primary key,
    type        text not null,
    payload     json not null,
    received_at timestamptz not null
);

create table if not exists idempotency_keys (
    endpoint     text collate "C" not null,
    key          text collate "C" not null,
    request_hash bytea not null,
    answer       text not null,
    created_at   timestamptz not null,
    primary key (endpoint, key)
);
create index if not exists idempotency_keys_created_at on idempotency_keys using brin (created_at);

create table if not exists outbox (
    id         bigint generated always as identity primary key,
    order_id   uuid not null,
    type       text not null,
    payload    json not null,
    created_at timestamptz not null
);

-- name: shelf
select p.sku, p.name, p.price, p.currency, i.available from products p join inventory i using (sku) where p.sku = any($1)

-- name: lock_hold
select hold_id, items, expires_at from holds where session_id = $1 for update

-- name: expire_holds
delete from holds where session_id in
    (select session_id from holds where expires_at <= $1 order by expires_at limit $2 for update skip locked)
returning items

-- name: purge_keys
delete from idempotency_keys where created_at < $1

-- name: insert_items
insert into order_items (order_id, line_no, sku, name, qty, unit_price, total)
select $1, line_no, sku, name, qty, unit_price, total
from json_to_recordset($2) as line (line_no integer, sku text, name text, qty bigint, unit_price bigint, total bigint)

-- name: lock_order
select order_id, status, hold_status, amount, currency, hold_expires_at, created_at, confirmed_at, invoice_number, details
from orders where order_id = $1 for update

-- name: lock_payment
select o.order_id, p.status, o.status, o.amount, o.currency
from payments p join orders o using (order_id) where p.payment_id = $1 for update

-- name: confirm_order
update orders set status = 'CONFIRMED', hold_status = 'CLAIMED', confirmed_at = $2, invoice_number = nextval('invoice_numbers')
where order_id = $1

-- name: expire_orders
update orders set status = 'EXPIRED', hold_status = 'EXPIRED' where order_id in
    (select order_id from orders where hold_status = 'OPEN' and hold_expires_at <= $1 order by hold_expires_at limit $2 for update skip locked)
returning order_id::text

-- name: expired_items
select sku, sum(qty)::bigint from order_items where order_id = any($1::text[]::uuid[]) group by sku

-- name: tell_expired
insert into outbox (order_id, type, payload, created_at) select unnest($1::text[]::uuid[]), 'order.expired', '{}', $2

-- name: audit_locked
select 'stock of ' || sku || ' has ' || i.locked || ' locked and ' || coalesce(h.qty, 0) || ' held'
from inventory i left join (
    select sku, sum(qty) as qty from (
        select item ->> 'sku' as sku, (item ->> 'qty')::bigint as qty from holds, json_array_elements(items) as item
        union all
        select sku, qty from order_items join orders using (order_id) where hold_status = 'OPEN'
    ) as held group by sku
) as h using (sku)
where i.locked <> coalesce(h.qty, 0) limit 20

-- name: audit_confirmed
select 'order ' || order_id || ' is confirmed and was not paid exactly once' from orders o
where status = 'CONFIRMED' and 1 <> (
    select count(*) from payments p where p.order_id = o.order_id and p.status = 'SUCCEEDED' and not extra and p.amount = o.amount)
limit 20

-- name: audit_paid
select 'order ' || order_id || ' is paid and not confirmed' from payments p join orders o using (order_id)
where p.status = 'SUCCEEDED' and not p.extra and o.status <> 'CONFIRMED' limit 20

-- name: audit_told
select 'order ' || o.order_id || ' is confirmed and was not told of exactly once' from orders o left join (
    select order_id, count(*) as times from outbox where type = 'order.confirmed' group by order_id
) as t using (order_id)
where o.status = 'CONFIRMED' and coalesce(t.times, 0) <> 1 limit 20
