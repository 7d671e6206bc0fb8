-- The tables of Kassa, by the names of its domain.
--
-- What shapes them is the rate of writes:
-- * Rows are narrow, fixed-width columns first. What never changes stands before
--   what does, and a large document last: an update's log record then holds only
--   the part between.
-- * A fillfactor below 100 leaves room for the next version of a row on its own
--   page. Such an update (HOT) touches no index, as long as no indexed column
--   changes. That is why no index names a status.
-- * An index is there because a query or a law needs it; each costs every insert.
-- * Foreign keys are where a mistake would lose money; order_items and invoices,
--   which are written with their order, do without.
-- * Text keys compare by their bytes: as Go sorts them, and faster.

-- +goose Up

create table currencies (
    code     text collate "C" primary key,
    exponent smallint not null
);

-- ISO 4217, as in package money.
insert into currencies (code, exponent) values
    ('AED', 2), ('AFN', 2), ('ALL', 2), ('AMD', 2), ('AOA', 2), ('ARS', 2), ('AUD', 2), ('AWG', 2),
    ('AZN', 2), ('BAM', 2), ('BBD', 2), ('BDT', 2), ('BHD', 3), ('BIF', 0), ('BMD', 2), ('BND', 2),
    ('BOB', 2), ('BOV', 2), ('BRL', 2), ('BSD', 2), ('BTN', 2), ('BWP', 2), ('BYN', 2), ('BZD', 2),
    ('CAD', 2), ('CDF', 2), ('CHE', 2), ('CHF', 2), ('CHW', 2), ('CLF', 4), ('CLP', 0), ('CNY', 2),
    ('COP', 2), ('COU', 2), ('CRC', 2), ('CUP', 2), ('CVE', 2), ('CZK', 2), ('DJF', 0), ('DKK', 2),
    ('DOP', 2), ('DZD', 2), ('EGP', 2), ('ERN', 2), ('ETB', 2), ('EUR', 2), ('FJD', 2), ('FKP', 2),
    ('GBP', 2), ('GEL', 2), ('GHS', 2), ('GIP', 2), ('GMD', 2), ('GNF', 0), ('GTQ', 2), ('GYD', 2),
    ('HKD', 2), ('HNL', 2), ('HTG', 2), ('HUF', 2), ('IDR', 2), ('ILS', 2), ('INR', 2), ('IQD', 3),
    ('IRR', 2), ('ISK', 0), ('JMD', 2), ('JOD', 3), ('JPY', 0), ('KES', 2), ('KGS', 2), ('KHR', 2),
    ('KMF', 0), ('KPW', 2), ('KRW', 0), ('KWD', 3), ('KYD', 2), ('KZT', 2), ('LAK', 2), ('LBP', 2),
    ('LKR', 2), ('LRD', 2), ('LSL', 2), ('LYD', 3), ('MAD', 2), ('MDL', 2), ('MGA', 2), ('MKD', 2),
    ('MMK', 2), ('MNT', 2), ('MOP', 2), ('MRU', 2), ('MUR', 2), ('MVR', 2), ('MWK', 2), ('MXN', 2),
    ('MXV', 2), ('MYR', 2), ('MZN', 2), ('NAD', 2), ('NGN', 2), ('NIO', 2), ('NOK', 2), ('NPR', 2),
    ('NZD', 2), ('OMR', 3), ('PAB', 2), ('PEN', 2), ('PGK', 2), ('PHP', 2), ('PKR', 2), ('PLN', 2),
    ('PYG', 0), ('QAR', 2), ('RON', 2), ('RSD', 2), ('RUB', 2), ('RWF', 0), ('SAR', 2), ('SBD', 2),
    ('SCR', 2), ('SDG', 2), ('SEK', 2), ('SGD', 2), ('SHP', 2), ('SLE', 2), ('SOS', 2), ('SRD', 2),
    ('SSP', 2), ('STN', 2), ('SVC', 2), ('SYP', 2), ('SZL', 2), ('THB', 2), ('TJS', 2), ('TMT', 2),
    ('TND', 3), ('TOP', 2), ('TRY', 2), ('TTD', 2), ('TWD', 2), ('TZS', 2), ('UAH', 2), ('UGX', 0),
    ('USD', 2), ('USN', 2), ('UYI', 0), ('UYU', 2), ('UYW', 4), ('UZS', 2), ('VED', 2), ('VES', 2),
    ('VND', 0), ('VUV', 0), ('WST', 2), ('XAD', 2), ('XAF', 0), ('XCD', 2), ('XCG', 2), ('XOF', 0),
    ('XPF', 0), ('YER', 2), ('ZAR', 2), ('ZMW', 2), ('ZWG', 2);

create table customers (
    user_id text collate "C" primary key, -- the shop's own name for the customer
    email   text not null,
    name    text not null,
    phone   text not null,
    tax_id  text not null
) with (fillfactor = 80);

create table products (
    sku        text collate "C" primary key,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    weight_g   bigint not null,
    active     boolean not null,
    name       text not null,
    tax_code   text not null,
    image      text not null,
    prices     json not null -- currency to minor units
) with (fillfactor = 80);

create table carts (
    cart_id          uuid primary key,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    currency         text not null,
    last_order       uuid,
    items            json,
    coupons          json,
    shipping_address json
) with (fillfactor = 60);

create table holds (
    session_id  text collate "C" primary key,
    hold_id     uuid not null,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    allocations json
);

create index holds_expires_at on holds (expires_at);

create table inventory (
    sku           text collate "C" not null,
    warehouse     text collate "C" not null,
    available_qty bigint not null constraint inventory_available check (available_qty >= 0),
    locked_qty    bigint not null constraint inventory_locked check (locked_qty >= 0),
    received_qty  bigint not null,
    deducted_qty  bigint not null constraint inventory_deducted check (deducted_qty >= 0),
    restocked_qty bigint not null constraint inventory_restocked check (restocked_qty >= 0),
    primary key (sku, warehouse)
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The record behind received_qty.
create table stock_adjustments (
    sku           text collate "C" not null,
    warehouse     text collate "C" not null,
    adjustment_id uuid not null,
    delta         bigint not null,
    counted       bigint, -- what a stock count found
    created_at    timestamptz not null,
    reason        text not null,
    primary key (sku, warehouse, adjustment_id)
);

create table orders (
    order_id        uuid primary key,
    cart_id         uuid,
    created_at      timestamptz not null,
    amount          bigint not null constraint orders_amount check (amount >= 0), -- minor units
    currency        text not null,
    user_id         text collate "C" references customers,
    live_cart_id    uuid, -- cart_id while the order is alive for its cart
    hold_expires_at timestamptz,
    updated_at      timestamptz not null,
    event_seq       bigint not null,
    invoice_seq     bigint,
    confirmed_at    timestamptz,
    closing_since   timestamptz,
    secured_by      uuid,
    hold_extended   boolean not null,
    superseded      boolean not null,
    restocked       boolean not null,
    status          text not null constraint orders_status check (status in
        ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'EXPIRED', 'CANCELLED')),
    hold_status     text not null constraint orders_hold_status check (hold_status in
        ('OPEN', 'CLAIMED', 'RELEASED', 'EXPIRED')),
    cancel_reason   text,
    invoice_series  text,
    log             uuid[] not null, -- batches of event_log that hold the order's events
    allocations     json,
    details         json not null    -- the snapshot of the checkout, without its lines; never updated
) with (fillfactor = 50);

create unique index orders_live_cart on orders (live_cart_id) where live_cart_id is not null;
create index orders_hold_expires_at on orders (hold_expires_at);
create index orders_user_id on orders (user_id, order_id) where user_id is not null;

-- The lines of the order's quote: written once with the order.
create table order_items (
    order_id   uuid not null,
    line_no    integer not null,
    qty        integer not null constraint order_items_qty check (qty > 0),
    unit_price bigint not null,
    discount   bigint not null,
    tax        bigint not null,
    total      bigint not null,
    sku        text not null,
    name       text not null,
    tax_code   text,
    primary key (order_id, line_no)
);

-- The last guard of "one invoice, one number": the number itself is in the
-- order's row. An index there would make each confirmation touch every index of
-- orders; this row is written once.
create table invoices (
    seq      bigint not null,
    series   text collate "C" not null,
    order_id uuid not null,
    primary key (series, seq)
);

create table payments (
    payment_id        uuid primary key,
    order_id          uuid not null references orders,
    created_at        timestamptz not null,
    attempt           bigint not null,
    amount            bigint not null constraint payments_amount check (amount >= 0),
    currency          text not null,
    gateway           text collate "C" not null,
    method            text not null,
    idempotency_key   text collate "C", -- of the initiate that made it
    request_hash      text not null,
    updated_at        timestamptz not null,
    captured          bigint not null constraint payments_captured check (captured >= 0),
    refund_committed  bigint not null constraint payments_refund_committed check (refund_committed >= 0),
    call_no           bigint not null,
    look_ups          bigint not null,
    looked_up_at      timestamptz,
    action_expires    timestamptz,
    closable          boolean not null,
    unknown           boolean not null,
    closing           boolean not null,
    superseded        boolean not null,
    extra             boolean not null,
    manual_capture    boolean not null,
    captured_currency text,
    status            text not null constraint payments_status check (status in
        ('INITIATED', 'PENDING', 'AUTHORIZED', 'SUCCEEDED', 'FAILED', 'VOIDED')),
    gateway_txn_id    text collate "C", -- the charge, null until known
    gateway_ref       text collate "C", -- session or gateway order, null until known
    token             text,
    return_url        text,
    failure_code      text,
    failure_message   text,
    action            json,
    constraint payments_refunds check (refund_committed <= captured)
) with (fillfactor = 35);

create unique index payments_order_key on payments (order_id, idempotency_key);

-- A payment by what its gateway calls it. The names are in the payment's row too,
-- and become known after its insert; an index there would make those updates
-- touch every index of payments, which doubled their cost. One charge belongs to
-- one payment; a gateway's order may see several.
create table payment_charges (
    payment_id     uuid not null,
    gateway        text collate "C" not null,
    gateway_txn_id text collate "C" not null,
    constraint payments_charge primary key (gateway, gateway_txn_id)
);

create table payment_refs (
    payment_id  uuid not null,
    gateway     text collate "C" not null,
    gateway_ref text collate "C" not null,
    primary key (gateway, gateway_ref, payment_id)
);

create table refunds (
    refund_id       uuid primary key,
    order_id        uuid not null references orders,
    payment_id      uuid not null references payments,
    created_at      timestamptz not null,
    amount          bigint not null constraint refunds_amount check (amount >= 0),
    currency        text not null,
    origin          text not null,
    updated_at      timestamptz not null,
    call_no         bigint not null,
    restock         boolean not null,
    status          text not null constraint refunds_status check (status in ('PENDING', 'SUCCEEDED', 'FAILED')),
    reason          text not null,
    gateway_ref     text collate "C",
    failure_code    text,
    failure_message text
) with (fillfactor = 70);

create index refunds_order_id on refunds (order_id);
create index refunds_gateway_ref on refunds (gateway_ref) where gateway_ref is not null;

create table webhook_events (
    webhook_id  uuid primary key,
    order_id    uuid,
    received_at timestamptz not null,
    applied_at  timestamptz,
    status      text not null,
    gateway     text collate "C" not null,
    event_key   text collate "C" not null,
    event       json not null
) with (fillfactor = 90);

create unique index webhook_events_key on webhook_events (gateway, event_key);

create table tasks (
    task_id      uuid primary key, -- the id of what it works on
    order_id     uuid,
    due_at       timestamptz not null,
    created_at   timestamptz not null,
    attempts     bigint not null,
    lease_id     uuid,
    leased_until timestamptz,
    attention    boolean not null,
    kind         text not null,
    last_error   text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create index tasks_due_at on tasks (due_at);

create table idempotency_keys (
    created_at   timestamptz not null,
    status       integer not null,
    scope        text collate "C" not null,
    key          text collate "C" not null,
    request_hash text not null,
    body         bytea not null,
    primary key (scope, key)
);

-- Answers are purged by age. A block range index costs an insert next to nothing.
create index idempotency_keys_created_at on idempotency_keys using brin (created_at) with (pages_per_range = 32);

-- One row for each committed batch, with its events. A batch whose commit was
-- lost sight of is fenced: a row without a position keeps its id.
create table event_log (
    batch_id uuid primary key,
    position bigint unique,
    fenced   boolean not null,
    events   json,
    constraint event_log_fenced check (fenced = (position is null))
);

-- Events compress well, and lz4 costs a fraction of the default where the server
-- was built with it.
-- +goose StatementBegin
do $$
begin
    alter table event_log alter column events set compression lz4;
exception when others then
    raise notice 'event_log keeps the default compression: %', sqlerrm;
end
$$;
-- +goose StatementEnd

-- The last numbers given: "events", and "invoice:" with a series.
create table counters (
    name  text collate "C" primary key,
    value bigint not null
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

insert into counters (name, value) values ('events', 0);

create table api_keys (
    key_id     uuid primary key,
    hash       bytea not null unique, -- SHA-256 of the secret
    created_at timestamptz not null,
    revoked_at timestamptz,
    scope      text not null,
    hint       text not null
);

create table settings (
    name  text collate "C" primary key,
    value bytea not null
);

-- all_changed refuses an update that did not find all of its rows: its caller
-- believed in rows that are not there. A statement of its own would be too late,
-- because the flight that it travels in ends with COMMIT.
-- +goose StatementBegin
create function all_changed(present bigint, wanted integer) returns void language plpgsql as $$
begin
    if present <> wanted then
        raise exception '% of % rows are there to be changed', present, wanted using errcode = 'no_data_found';
    end if;
end
$$;
-- +goose StatementEnd

-- The tables of the founding text in its own shape, for people and reports.
create view orders_view as
select o.order_id, o.user_id, o.status,
       round(o.amount / power(10::numeric, c.exponent), c.exponent) as amount,
       o.currency, o.created_at
from orders o
join currencies c on c.code = o.currency;

create view inventory_view as
select sku, sum(available_qty)::bigint as available_qty, sum(locked_qty)::bigint as locked_qty
from inventory
group by sku;
