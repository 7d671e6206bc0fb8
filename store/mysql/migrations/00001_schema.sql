-- The tables of Kassa, by the names of its domain.
--
-- What shapes them:
-- * InnoDB keeps a table in the order of its primary key, and every other index holds
--   an entry for each row, also where the column is null. So there are few of them,
--   and ids begin with their time: new rows go to one end.
-- * Keys that others choose (sessions, SKUs, names of gateways) are varbinary: compared
--   byte by byte, as Go does. The text collations that both servers know call 'a' and
--   'a ' equal. A client that shows them in hexadecimal has a switch for it.
-- * Ids are binary(16), the bytes of a UUID. Times are UTC, to the microsecond.
-- * What is empty is null. States are enums, truths are 0 and 1.
-- * Documents (lines, addresses, events) are JSON in text columns: what was written
--   comes back byte by byte, which a json column of MySQL does not promise.
-- * Foreign keys are where a mistake would lose money. A payment does without: its
--   insert looks for the order.
-- * A server that dies in the middle of a migration leaves half of the tables, because
--   none of these statements can be rolled back. So each can be run once more.

-- +goose Up

create table if not exists currencies (
    code     char(3) primary key,
    exponent tinyint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- ISO 4217, as in package money.
insert ignore into currencies (code, exponent) values
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

create table if not exists customers (
    user_id varbinary(512) primary key, -- the shop's own name for the customer
    email   text not null,
    name    text not null,
    phone   text not null,
    tax_id  text not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists products (
    sku        varbinary(255) primary key,
    created_at datetime(6) not null,
    updated_at datetime(6) not null,
    weight_g   bigint not null,
    active     boolean not null,
    name       text not null,
    tax_code   text not null,
    image      text not null,
    prices     text not null -- currency to minor units
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists carts (
    cart_id          binary(16) primary key,
    created_at       datetime(6) not null,
    updated_at       datetime(6) not null,
    currency         varchar(16) not null,
    last_order       binary(16),
    items            mediumtext,
    coupons          text,
    shipping_address text
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists holds (
    session_id  varbinary(512) primary key,
    hold_id     binary(16) not null,
    created_at  datetime(6) not null,
    expires_at  datetime(6) not null,
    allocations mediumtext,
    key holds_expires_at (expires_at)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists inventory (
    sku           varbinary(255) not null,
    warehouse     varbinary(255) not null,
    available_qty bigint not null,
    locked_qty    bigint not null,
    deducted_qty  bigint not null,
    restocked_qty bigint not null,
    received_qty  bigint not null,
    primary key (sku, warehouse),
    constraint inventory_available check (available_qty >= 0),
    constraint inventory_locked check (locked_qty >= 0),
    constraint inventory_deducted check (deducted_qty >= 0),
    constraint inventory_restocked check (restocked_qty >= 0)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- The record behind received_qty.
create table if not exists stock_adjustments (
    sku           varbinary(255) not null,
    warehouse     varbinary(255) not null,
    adjustment_id binary(16) not null,
    delta         bigint not null,
    counted       bigint, -- what a stock count found
    created_at    datetime(6) not null,
    reason        text not null,
    primary key (sku, warehouse, adjustment_id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists orders (
    order_id        binary(16) primary key,
    cart_id         binary(16),
    live_cart_id    binary(16), -- cart_id while the order is alive for its cart
    user_id         varbinary(512),
    created_at      datetime(6) not null,
    updated_at      datetime(6) not null,
    confirmed_at    datetime(6),
    closing_since   datetime(6),
    hold_expires_at datetime(6),
    amount          bigint not null, -- minor units
    currency        varchar(16) not null,
    status          enum('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'EXPIRED', 'CANCELLED') not null,
    hold_status     enum('OPEN', 'CLAIMED', 'RELEASED', 'EXPIRED') not null,
    hold_extended   boolean not null,
    superseded      boolean not null,
    restocked       boolean not null,
    secured_by      binary(16),
    invoice_seq     bigint, -- the series' counter is raised in the same transaction
    invoice_series  varchar(255),
    event_seq       bigint not null,
    cancel_reason   text,
    log             mediumblob, -- batches of event_log that hold the order's events, 16 bytes each
    allocations     mediumtext,
    email           varchar(1024) not null, -- of the customer, as given
    details         mediumtext not null, -- the snapshot of the checkout, never updated
    unique key orders_live_cart (live_cart_id),
    key orders_hold_expires_at (hold_expires_at),
    key orders_user_id (user_id, order_id),
    constraint orders_amount check (amount >= 0),
    constraint orders_user foreign key (user_id) references customers (user_id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists payments (
    payment_id        binary(16) primary key,
    order_id          binary(16) not null,
    created_at        datetime(6) not null,
    updated_at        datetime(6) not null,
    action_expires    datetime(6),
    looked_up_at      datetime(6),
    amount            bigint not null,
    captured          bigint not null,
    refund_committed  bigint not null,
    currency          varchar(16) not null,
    captured_currency varchar(16) not null,
    attempt           int not null,
    call_no           int not null,
    look_ups          int not null,
    closable          boolean not null,
    find_by_ref       boolean not null,
    manual_capture    boolean not null,
    unknown           boolean not null,
    closing           boolean not null,
    superseded        boolean not null,
    extra             boolean not null,
    status            enum('INITIATED', 'PENDING', 'AUTHORIZED', 'SUCCEEDED', 'FAILED', 'VOIDED') not null,
    gateway           varbinary(255) not null,
    gateway_ref       varbinary(512), -- session or gateway order, null until known
    lookup_ref        varbinary(512), -- the same where the payment is to be found by it
    gateway_txn_id    varbinary(512), -- the charge, null until known
    method            varchar(64) not null,
    idempotency_key   varbinary(512), -- of the initiate that made it
    request_hash      varchar(255),
    return_url        text,
    token             text,
    failure_code      text,
    failure_message   text,
    action            mediumtext,
    -- One attempt for one key of an order. It also finds an order's payments.
    unique key payments_order_key (order_id, idempotency_key),
    unique key payments_charge (gateway, gateway_txn_id),
    key payments_ref (lookup_ref),
    constraint payments_amount check (amount >= 0),
    constraint payments_captured check (captured >= 0),
    constraint payments_refund_committed check (refund_committed >= 0),
    constraint payments_refunds check (refund_committed <= captured)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists refunds (
    refund_id       binary(16) primary key,
    order_id        binary(16) not null,
    payment_id      binary(16) not null,
    created_at      datetime(6) not null,
    updated_at      datetime(6) not null,
    amount          bigint not null,
    currency        varchar(16) not null,
    call_no         int not null,
    restock         boolean not null,
    status          enum('PENDING', 'SUCCEEDED', 'FAILED') not null,
    origin          varchar(64) not null,
    reason          text not null,
    gateway_ref     varbinary(512),
    failure_code    text,
    failure_message text,
    key refunds_order_id (order_id),
    key refunds_payment_id (payment_id),
    key refunds_gateway_ref (gateway_ref),
    constraint refunds_amount check (amount >= 0),
    constraint refunds_order foreign key (order_id) references orders (order_id),
    constraint refunds_payment foreign key (payment_id) references payments (payment_id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists webhook_events (
    webhook_id  binary(16) primary key,
    order_id    binary(16),
    received_at datetime(6) not null,
    applied_at  datetime(6),
    status      enum('RECEIVED', 'APPLIED', 'FOREIGN') not null,
    gateway     varbinary(255) not null,
    event_key   varbinary(512) not null,
    event       mediumtext not null,
    unique key webhook_events_key (gateway, event_key)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

create table if not exists tasks (
    task_id      binary(16) primary key, -- the id of what it works on
    order_id     binary(16),
    created_at   datetime(6) not null,
    due_at       datetime(6) not null,
    free_at      datetime(6), -- when it may be claimed: it is due, and no lease holds it. Null: it waits for an operator
    leased_until datetime(6),
    lease_id     binary(16),
    attempts     int not null,
    kind         enum('initiate_payment', 'look_up_payment', 'close_payment', 'capture_payment', 'void_payment', 'refund_payment',
                     'look_up_refund', 'retry_webhook', 'needs_attention') not null,
    attention    boolean not null,
    last_error   mediumtext,
    key tasks_free_at (free_at, order_id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- Kept answers. A key is the first 16 bytes of SHA-256 over its scope and the
-- client's text: those are long, and nothing asks for them.
create table if not exists idempotency_keys (
    key_id       binary(16) primary key,
    order_id     binary(16), -- where the answer is written anew from an order
    created_at   datetime(6) not null,
    status       int not null,
    request_hash varchar(255) not null,
    body         mediumblob,
    key idempotency_keys_created_at (created_at)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- One row for each committed batch, with its events. A batch whose commit was
-- lost sight of is fenced: a row without a position keeps its id.
create table if not exists event_log (
    batch_id binary(16) primary key,
    position bigint,
    fenced   boolean not null,
    events   longtext,
    unique key event_log_position (position),
    constraint event_log_fenced check (fenced = (position is null))
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- One row, which those lock who take turns: see Tx.Turn.
create table if not exists turn (one tinyint primary key) engine=InnoDB;

insert ignore into turn values (1);

-- The last numbers given: "events", and "invoice:" with a series. Every commit
-- locks the row "events" last, so that it is also where commits learn whose the
-- rows are: null where they are everybody's.
create table if not exists counters (
    name  varbinary(512) primary key,
    value bigint not null,
    owner binary(16)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

insert ignore into counters (name, value) values ('events', 0);

create table if not exists api_keys (
    key_id     binary(16) primary key,
    hash       binary(32) not null, -- SHA-256 of the secret
    created_at datetime(6) not null,
    revoked_at datetime(6),
    scope      varchar(64) not null,
    hint       text not null,
    unique key api_keys_hash (hash)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- The oldest version of this schema whose processes can work with this one. A migration
-- that they can work with (one that adds what they need not know) leaves it; one that
-- they cannot work with sets it to its own version.
create table if not exists schema_oldest (version bigint not null) engine=InnoDB;

insert into schema_oldest select 1 from dual where not exists (select version from schema_oldest);

create table if not exists settings (
    name  varbinary(512) primary key,
    value blob not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;

-- The tables of the founding text in its own shape, for people and reports. Ids are
-- written as the API writes them.
create or replace view orders_view as
select lower(insert(insert(insert(insert(hex(o.order_id), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')) as order_id,
       convert(o.user_id using utf8mb4) as user_id, o.status,
       cast(o.amount / case c.exponent when 0 then 1 when 2 then 100 when 3 then 1000 else 10000 end as decimal(24, 4)) as amount,
       o.currency, o.created_at
from orders o
join currencies c on c.code = o.currency;

create or replace view order_items as
select lower(insert(insert(insert(insert(hex(o.order_id), 9, 0, '-'), 14, 0, '-'), 19, 0, '-'), 24, 0, '-')) as order_id,
       l.line_no, l.sku, l.name, l.qty, l.unit_price, l.discount, l.tax, l.total, l.tax_code
from orders o
join json_table(o.details, '$.quote.lines[*]' columns (
    line_no for ordinality,
    sku varchar(255) path '$.sku', name varchar(1024) path '$.name', qty bigint path '$.qty',
    unit_price bigint path '$.unit_price', discount bigint path '$.discount', tax bigint path '$.tax',
    total bigint path '$.total', tax_code varchar(255) path '$.tax_code')) l;

create or replace view inventory_view as
select convert(sku using utf8mb4) as sku, cast(sum(available_qty) as signed) as available_qty, cast(sum(locked_qty) as signed) as locked_qty
from inventory
group by sku;
