-- The tables of Kassa, by the names of its domain.
--
-- What shapes them is the rate of writes. All of it is paid for in log records
-- (WAL), each with a head of some 50 bytes, and in processor time:
-- * Few rows. What belongs to one thing stands in its row: the lines of an order,
--   the first task of a payment. Views show them as people expect them.
-- * An update's record holds what lies between the first and the last byte that
--   changed. So what never changes stands first, then what changes in an order's
--   normal life, side by side, then what seldom does.
-- * What is empty is null: it takes no room.
-- * A fillfactor below 100 leaves room for the next version of a row on its own
--   page. Such an update (HOT) touches no index, as long as no indexed column
--   changes. That is why no index names a status.
-- * An index is there because a query or a law needs it; each costs every insert.
--   The names that gateways give begin with a time, as our ids do: new keys go to
--   one end of their index.
-- * States are enums: four bytes that read as words.
-- * Queues and what is updated all the time have an autovacuum threshold of their
--   own: a share of a table that is mostly dead rows comes too late. To vacuum them
--   often costs little, because they are small. What only grows keeps the defaults:
--   its updates are HOT and leave nothing in its indexes.
-- * Foreign keys are where a mistake would lose money. A payment does without: its
--   insert looks for the order, which costs a tenth of a key's trigger and lock.
-- * Text keys compare by their bytes: as Go sorts them, and faster.

-- +goose Up

create type order_status as enum
    ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'EXPIRED', 'CANCELLED');
create type hold_status as enum ('OPEN', 'CLAIMED', 'RELEASED', 'EXPIRED');
create type payment_status as enum ('INITIATED', 'PENDING', 'AUTHORIZED', 'SUCCEEDED', 'FAILED', 'VOIDED');
create type refund_status as enum ('PENDING', 'SUCCEEDED', 'FAILED');
create type webhook_status as enum ('RECEIVED', 'APPLIED', 'FOREIGN');
create type task_kind as enum
    ('initiate_payment', 'look_up_payment', 'close_payment', 'capture_payment', 'void_payment', 'refund_payment',
    'look_up_refund', 'retry_webhook', 'needs_attention');

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

-- Allocations are [[sku, qty], …], with the warehouse as a third element where it
-- is not "main".
create table holds (
    session_id  text collate "C" primary key,
    hold_id     uuid not null,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    allocations json
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

create index holds_expires_at on holds (expires_at);

create table inventory (
    sku           text collate "C" not null,
    warehouse     text collate "C" not null,
    available_qty bigint not null constraint inventory_available check (available_qty >= 0),
    locked_qty    bigint not null constraint inventory_locked check (locked_qty >= 0),
    deducted_qty  bigint not null constraint inventory_deducted check (deducted_qty >= 0),
    restocked_qty bigint not null constraint inventory_restocked check (restocked_qty >= 0),
    received_qty  bigint not null,
    -- Room on the page for some forty versions of its rows: each is born with it and
    -- loses it with its first sale. A low fillfactor would keep the same room free,
    -- but a page with less than its share of free room is pruned at every visit.
    room          text,
    primary key (sku, warehouse)
) with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

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
    live_cart_id    uuid, -- cart_id while the order is alive for its cart
    answer_key      uuid, -- the answer of the checkout that made it: as in idempotency_keys
    created_at      timestamptz not null,
    amount          bigint not null constraint orders_amount check (amount >= 0), -- minor units
    answer_status   integer,
    answer_hash     bytea,
    currency        text not null,
    user_id         text collate "C" references customers,
    details         json not null, -- the snapshot of the checkout; never updated
    allocations     json, -- as in holds
    hold_expires_at timestamptz, -- null: 15 minutes after created_at, as most; then the id's time is created_at, or up to a second more
    updated_at      timestamptz, -- null until its first change
    confirmed_at    timestamptz,
    closing_since   timestamptz,
    invoice_seq     bigint, -- the series' counter is raised in the same transaction
    event_seq       integer not null,
    status          order_status not null,
    hold_status     hold_status not null,
    hold_extended   boolean not null,
    superseded      boolean not null,
    restocked       boolean not null,
    secured_by      uuid,
    cancel_reason   text,
    invoice_series  text,
    log             bytea -- batches of event_log that hold the order's events, 16 bytes each, the newest first
) with (fillfactor = 30); -- room for three versions: under full load the first is seldom pruned before the third comes

create unique index orders_live_cart on orders (live_cart_id) where live_cart_id is not null;
create unique index orders_answer on orders (answer_key) where answer_key is not null;
-- Holds of the usual length end in the order of their orders' ids, so that only the
-- others need an index.
create index orders_hold_expires_at on orders (hold_expires_at) where hold_expires_at is not null;
create index orders_user_id on orders (user_id, order_id) where user_id is not null;

create table payments (
    payment_id        uuid primary key,
    order_id          uuid not null,
    created_at        timestamptz not null,
    amount            bigint not null constraint payments_amount check (amount >= 0),
    task_due_at       timestamptz, -- these three are of the payment's task, where there is a task_kind; null: due since created_at
    task_leased_until timestamptz,
    task_lease        uuid,
    attempt           integer not null,
    call_no           integer not null,
    look_ups          integer not null,
    closable          boolean not null,
    find_by_ref       boolean not null,
    manual_capture    boolean not null,
    unknown           boolean not null,
    closing           boolean not null,
    superseded        boolean not null,
    extra             boolean not null,
    currency          text not null,
    gateway           text collate "C" not null,
    method            text not null,
    idempotency_key   bytea, -- of the initiate that made it: see record.key
    request_hash      bytea,
    return_url        text,
    gateway_ref       text collate "C", -- session or gateway order, null until known
    action_expires    timestamptz,
    updated_at        timestamptz, -- null until its first change
    captured          bigint constraint payments_captured check (captured >= 0), -- null until there is something
    refund_committed  bigint constraint payments_refund_committed check (refund_committed >= 0),
    looked_up_at      timestamptz,
    status            payment_status not null,
    task_kind         task_kind, -- the payment's task; null: it has none, or it stands in tasks
    captured_currency text, -- null where it is the payment's
    gateway_txn_id    text collate "C", -- the charge, null until known
    token             text,
    failure_code      text,
    failure_message   text,
    action            json, -- see action.go
    constraint payments_refunds check (coalesce(refund_committed, 0) <= coalesce(captured, 0))
) with (fillfactor = 30);

-- The last guard of "one attempt for one key of an order". By a hash of 64 bits,
-- because keys are long.
create unique index payments_order_key on payments (order_id, hashtextextended(encode(idempotency_key, 'hex'), 0));

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

-- Only for payments that say find_by_ref.
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
    call_no         integer not null,
    restock         boolean not null,
    status          refund_status not null,
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
    applied_at  timestamptz, -- null where it was applied as it came
    occurred_at timestamptz,
    payment_id  uuid,
    amount      bigint,
    status      webhook_status not null,
    gateway     text collate "C" not null,
    event_key   text collate "C" not null,
    type        text not null,
    reported    text, -- the payment's state at the gateway
    currency    text,
    gateway_ref text,
    gateway_txn_id text,
    rest        json -- what the event says that has no column; null: nothing more of a payment
) with (fillfactor = 90);

create unique index webhook_events_key on webhook_events (gateway, event_key);

-- Tasks that are due, or will be. The first task of a payment stands in the
-- payment's row, because it mostly ends before it is due: an insert, two index
-- entries and a delete less for every sale. task_reminders say when to look whether
-- it is still owed; then it moves here, where the rest of its life is.
create table tasks (
    task_id      uuid primary key, -- the id of what it works on
    order_id     uuid,
    due_at       timestamptz not null,
    created_at   timestamptz not null,
    attempts     integer not null,
    kind         task_kind not null,
    attention    boolean not null,
    lease_id     uuid,
    leased_until timestamptz,
    last_error   text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create index tasks_due_at on tasks (due_at);
create index tasks_attention on tasks (order_id) where attention; -- few, and only they pay for it

create table task_reminders (
    remind_at timestamptz not null, -- when the lease or the pause of all their tasks has ended
    batch_id  uuid not null,        -- that put the tasks
    payments  uuid[] not null,
    primary key (remind_at, batch_id)
) with (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Ids do not compress.
alter table task_reminders alter column payments set storage external;

-- Kept answers. A key is the first 16 bytes of SHA-256 over its scope and the
-- client's text: those are long, and nothing asks for them. The answer of a checkout
-- stands in the row of the order that it made, which needs no purge; keys_free has
-- no key stand in both.
create table idempotency_keys (
    key_id       uuid primary key,
    order_id     uuid, -- where the answer is written anew from an order
    created_at   timestamptz not null,
    status       integer not null,
    request_hash bytea,
    body         bytea
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

-- The last numbers given: "events", and "invoice:" with a series. Every commit
-- locks the row "events" last, so that it is also where commits learn whose the
-- rows are: null where they are everybody's.
create table counters (
    name  text collate "C" primary key,
    value bigint not null,
    owner uuid
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

-- The oldest version of this schema whose processes can work with this one. A migration
-- that they can work with (one that adds what they need not know) leaves it; one that
-- they cannot work with sets it to its own version.
create table schema_oldest (version bigint not null);

insert into schema_oldest values (1);

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

-- still_owned refuses a commit that the event log did not take.
-- +goose StatementBegin
create function still_owned(logged bigint) returns void language plpgsql as $$
begin
    if logged <> 1 then
        raise exception 'the rows have another owner' using errcode = 'KA001';
    end if;
end
$$;
-- +goose StatementEnd

-- keys_free refuses a commit whose idempotency keys stand in the other table already.
-- +goose StatementBegin
create function keys_free(taken bigint) returns void language plpgsql as $$
begin
    if taken <> 0 then
        raise exception '% idempotency keys are taken', taken
            using errcode = 'unique_violation', constraint = 'idempotency_keys_pkey';
    end if;
end
$$;
-- +goose StatementEnd

-- ends_task tells whether a lease that a commit names ends a task: it is the task's,
-- or the zero one.
-- +goose StatementBegin
create function ends_task(named uuid, held uuid) returns boolean language sql immutable as $$
    select coalesce(named = '00000000-0000-0000-0000-000000000000' or named = held, false)
$$;
-- +goose StatementEnd

-- first_id_at is the lowest version 7 UUID of a time.
-- +goose StatementBegin
create function first_id_at(at timestamptz) returns uuid language sql immutable as $$
    select (lpad(to_hex(greatest(floor(extract(epoch from at) * 1000), 0)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
-- +goose StatementEnd

-- The tables of the founding text in its own shape, for people and reports.
create view orders_view as
select o.order_id, o.user_id, o.status,
       round(o.amount / power(10::numeric, c.exponent), c.exponent) as amount,
       o.currency, o.created_at
from orders o
join currencies c on c.code = o.currency;

-- The lines of orders, as orders.details holds them: see details.go.
create view order_items as
select o.order_id, l.line_no::integer as line_no,
       (l.line ->> 2)::bigint as qty, (l.line ->> 3)::bigint as unit_price,
       coalesce((l.line ->> 6)::bigint, 0) as discount, coalesce((l.line ->> 7)::bigint, 0) as tax,
       (l.line ->> 4)::bigint as total, l.line ->> 0 as sku, l.line ->> 1 as name, nullif(l.line ->> 5, '') as tax_code
from orders o
cross join lateral json_array_elements(o.details -> 'lines') with ordinality as l (line, line_no);

create view inventory_view as
select sku, sum(available_qty)::bigint as available_qty, sum(locked_qty)::bigint as locked_qty
from inventory
group by sku;
