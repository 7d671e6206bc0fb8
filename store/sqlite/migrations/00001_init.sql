-- Times are microseconds since 1970, UTC. Ids are UUIDs of 16 bytes. Money is
-- minor units of the currency beside it.
--
-- What shapes the tables is the work that SQLite does for one sale, and the pages
-- of 4 KiB that a commit writes:
-- * An index costs more than a row. One stands only where a query or a constraint
--   needs it, and holds only the rows that these ask for.
-- * Rows that are changed have a number (…_no). The writer remembers it and finds
--   them by it, because SQLite compares numbers many times faster than blobs.
-- * A column costs time in each insert and update, filled or not. Truths share the
--   column flags; what is seldom there stands in one JSON document, seldom, which is
--   NULL otherwise. The views show both by name.
-- * What never changes and is long stands apart from what changes.
-- * A row with a long key that comes in no order has a number too: its index is
--   then all that is written anywhere but at the end.

-- +goose Up
CREATE TABLE currencies (
    code     TEXT PRIMARY KEY,
    exponent INTEGER NOT NULL -- decimals of a major unit
) STRICT, WITHOUT ROWID;

INSERT INTO currencies (code, exponent)
SELECT value, 0 FROM json_each('["BIF","CLP","DJF","GNF","ISK","JPY","KMF","KRW","PYG","RWF","UGX","UYI","VND","VUV","XAF","XOF","XPF"]');

INSERT INTO currencies (code, exponent)
SELECT value, 2 FROM json_each('["AED","AFN","ALL","AMD","AOA","ARS","AUD","AWG","AZN","BAM","BBD","BDT","BMD","BND","BOB","BOV","BRL","BSD","BTN","BWP","BYN","BZD","CAD","CDF","CHE","CHF","CHW","CNY","COP","COU","CRC","CUP","CVE","CZK","DKK","DOP","DZD","EGP","ERN","ETB","EUR","FJD","FKP","GBP","GEL","GHS","GIP","GMD","GTQ","GYD","HKD","HNL","HTG","HUF","IDR","ILS","INR","IRR","JMD","KES","KGS","KHR","KPW","KYD","KZT","LAK","LBP","LKR","LRD","LSL","MAD","MDL","MGA","MKD","MMK","MNT","MOP","MRU","MUR","MVR","MWK","MXN","MXV","MYR","MZN","NAD","NGN","NIO","NOK","NPR","NZD","PAB","PEN","PGK","PHP","PKR","PLN","QAR","RON","RSD","RUB","SAR","SBD","SCR","SDG","SEK","SGD","SHP","SLE","SOS","SRD","SSP","STN","SVC","SYP","SZL","THB","TJS","TMT","TOP","TRY","TTD","TWD","TZS","UAH","USD","USN","UYU","UZS","VED","VES","WST","XAD","XCD","XCG","YER","ZAR","ZMW","ZWG"]');

INSERT INTO currencies (code, exponent)
SELECT value, 3 FROM json_each('["BHD","IQD","JOD","KWD","LYD","OMR","TND"]');

INSERT INTO currencies (code, exponent)
SELECT value, 4 FROM json_each('["CLF","UYW"]');

CREATE TABLE customers (
    user_id TEXT PRIMARY KEY,
    email   TEXT NOT NULL,
    name    TEXT NOT NULL,
    phone   TEXT NOT NULL,
    tax_id  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    sku        TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    prices     TEXT NOT NULL, -- JSON: minor units by currency
    tax_code   TEXT NOT NULL,
    weight_g   INTEGER NOT NULL,
    image      TEXT NOT NULL,
    active     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE carts (
    cart_id          BLOB PRIMARY KEY,
    currency         TEXT NOT NULL,
    items            TEXT NOT NULL,
    shipping_address TEXT,
    coupons          TEXT NOT NULL,
    last_order_id    BLOB,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE orders (
    order_no        INTEGER PRIMARY KEY,
    order_id        BLOB NOT NULL UNIQUE,
    live_cart_id    BLOB, -- the cart while this is its one live order
    hold_expires_at INTEGER,
    status          TEXT NOT NULL CHECK (status = 'PENDING' OR status = 'AWAITING_PAYMENT' OR status = 'CONFIRMED' OR status = 'PARTIALLY_REFUNDED'
                                         OR status = 'REFUNDED' OR status = 'EXPIRED' OR status = 'CANCELLED'),
    hold_status     TEXT NOT NULL CHECK (hold_status = 'OPEN' OR hold_status = 'CLAIMED' OR hold_status = 'RELEASED' OR hold_status = 'EXPIRED'),
    flags           INTEGER NOT NULL, -- 1 hold extended, 2 superseded, 4 restocked
    amount          INTEGER NOT NULL CHECK (amount >= 0),
    currency        TEXT NOT NULL,
    user_id         TEXT REFERENCES customers (user_id),
    cart_id         BLOB,
    email           TEXT NOT NULL,
    allocations     TEXT,
    event_seq       INTEGER NOT NULL,
    log             BLOB, -- batches of event_log that hold its events, 16 bytes each
    secured_by      BLOB,
    invoice_series  TEXT,
    invoice_seq     INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    confirmed_at    INTEGER,
    seldom          TEXT -- JSON: closing_since, cancel_reason
) STRICT;
CREATE UNIQUE INDEX orders_live_cart ON orders (live_cart_id) WHERE live_cart_id IS NOT NULL;
CREATE INDEX orders_hold_expires ON orders (hold_expires_at);
CREATE INDEX orders_user ON orders (user_id, order_id) WHERE user_id IS NOT NULL;

-- The snapshot of the checkout, as JSON. It is written once.
CREATE TABLE order_details (
    order_no INTEGER PRIMARY KEY,
    details  TEXT NOT NULL
) STRICT;

CREATE VIEW order_items AS
SELECT o.order_id,
       l.key + 1                AS line_no,
       l.value ->> 'sku'        AS sku,
       l.value ->> 'qty'        AS qty,
       l.value ->> 'name'       AS name,
       l.value ->> 'unit_price' AS unit_price,
       l.value ->> 'discount'   AS discount,
       l.value ->> 'tax'        AS tax,
       l.value ->> 'total'      AS total
FROM orders o
JOIN order_details d ON d.order_no = o.order_no,
     json_each(d.details, '$.quote.lines') l;

-- The names of levels and their counts stand apart: a batch changes counts all over
-- the table, and the narrower their rows, the fewer pages that touches. The view
-- inventory has both.
CREATE TABLE levels (
    level_no  INTEGER PRIMARY KEY,
    sku       TEXT NOT NULL,
    warehouse TEXT NOT NULL,
    UNIQUE (sku, warehouse)
) STRICT;

CREATE TABLE stock (
    level_no      INTEGER PRIMARY KEY,
    available_qty INTEGER NOT NULL CHECK (available_qty >= 0),
    locked_qty    INTEGER NOT NULL CHECK (locked_qty >= 0),
    received_qty  INTEGER NOT NULL,
    deducted_qty  INTEGER NOT NULL CHECK (deducted_qty >= 0),
    restocked_qty INTEGER NOT NULL CHECK (restocked_qty >= 0)
) STRICT;

CREATE VIEW inventory AS
SELECT l.level_no, l.sku, l.warehouse, s.available_qty, s.locked_qty, s.received_qty, s.deducted_qty, s.restocked_qty
FROM levels l
JOIN stock s ON s.level_no = l.level_no;

CREATE TABLE stock_adjustments (
    adjustment_id BLOB NOT NULL,
    sku           TEXT NOT NULL,
    warehouse     TEXT NOT NULL,
    delta         INTEGER NOT NULL,
    counted       INTEGER,
    reason        TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (sku, warehouse, adjustment_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
    payment_no        INTEGER PRIMARY KEY,
    payment_id        BLOB NOT NULL UNIQUE,
    order_id          BLOB NOT NULL REFERENCES orders (order_id),
    gateway           TEXT NOT NULL,
    gateway_txn_id    TEXT, -- the charge, NULL until known
    gateway_ref       TEXT, -- the session or the gateway's order, NULL until known
    status            TEXT NOT NULL CHECK (status = 'INITIATED' OR status = 'PENDING' OR status = 'AUTHORIZED' OR status = 'SUCCEEDED'
                                           OR status = 'FAILED' OR status = 'VOIDED'),
    flags             INTEGER NOT NULL, -- 1 find by ref, 2 manual capture, 4 closable, 8 unknown, 16 closing, 32 superseded, 64 extra
    attempt           INTEGER NOT NULL,
    method            TEXT NOT NULL,
    amount            INTEGER NOT NULL CHECK (amount >= 0),
    currency          TEXT NOT NULL,
    captured          INTEGER NOT NULL CHECK (captured >= 0),
    refund_committed  INTEGER NOT NULL CHECK (refund_committed BETWEEN 0 AND captured),
    idempotency_key   TEXT,
    request_hash      TEXT NOT NULL,
    return_url        TEXT,
    action            TEXT,
    action_expires_at INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    seldom            TEXT -- JSON: captured_currency, token, further_calls, look_ups, looked_up_at, failure_code, failure_message
) STRICT;
CREATE UNIQUE INDEX payments_attempt ON payments (order_id, idempotency_key);
CREATE UNIQUE INDEX payments_charge ON payments (gateway, gateway_txn_id) WHERE gateway_txn_id IS NOT NULL;
CREATE INDEX payments_gateway_ref ON payments (gateway_ref, gateway) WHERE flags & 1 AND gateway_ref IS NOT NULL;

CREATE TABLE refunds (
    refund_id       BLOB PRIMARY KEY,
    order_id        BLOB NOT NULL REFERENCES orders (order_id),
    payment_id      BLOB NOT NULL REFERENCES payments (payment_id),
    status          TEXT NOT NULL CHECK (status = 'PENDING' OR status = 'SUCCEEDED' OR status = 'FAILED'),
    amount          INTEGER NOT NULL CHECK (amount >= 0),
    currency        TEXT NOT NULL,
    gateway_ref     TEXT,
    origin          TEXT NOT NULL,
    reason          TEXT NOT NULL,
    restock         INTEGER NOT NULL,
    call_no         INTEGER NOT NULL,
    failure_code    TEXT,
    failure_message TEXT,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_gateway_ref ON refunds (gateway_ref) WHERE gateway_ref IS NOT NULL;

CREATE TABLE holds (
    session_id  TEXT PRIMARY KEY,
    hold_id     BLOB NOT NULL,
    allocations TEXT,
    expires_at  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX holds_expires ON holds (expires_at);

-- Tasks that are leased are found in memory: see leases.go.
CREATE TABLE tasks (
    task_id      BLOB PRIMARY KEY,
    kind         TEXT NOT NULL,
    order_id     BLOB,
    due_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    lease_id     BLOB,
    leased_until INTEGER,
    attention    INTEGER NOT NULL,
    last_error   TEXT,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_due ON tasks (attention, due_at) WHERE lease_id IS NULL OR attention = 1;

CREATE TABLE webhook_events (
    webhook_id  BLOB PRIMARY KEY,
    gateway     TEXT NOT NULL,
    event_key   TEXT NOT NULL,
    event       TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status = 'APPLIED' OR status = 'RECEIVED' OR status = 'FOREIGN'),
    order_id    BLOB,
    received_at INTEGER NOT NULL,
    applied_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX webhook_events_key ON webhook_events (gateway, event_key);

-- A table with a rowid: its rows stand in the order of writing, so the oldest
-- are found without an index on their time.
CREATE TABLE idempotency_keys (
    key_hash     BLOB NOT NULL UNIQUE, -- 16 bytes of SHA-256 over scope and key
    request_hash TEXT NOT NULL,
    status       INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    order_id     BLOB, -- whose answer it is, which is then written anew
    body         BLOB
) STRICT;

-- One row for each committed batch, by its position, from 1 without a gap; and
-- one with a position below zero for each batch that was fenced out.
CREATE TABLE event_log (
    position INTEGER PRIMARY KEY,
    batch_id BLOB NOT NULL UNIQUE,
    events   TEXT NOT NULL
) STRICT;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    key_id     BLOB PRIMARY KEY,
    scope      TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    hint       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Orders with their amount as decimal text in major units, and what is packed.
CREATE VIEW orders_view AS
SELECT o.order_id,
       o.user_id,
       o.status,
       CASE c.exponent
           WHEN 0 THEN printf('%d', o.amount)
           ELSE printf('%d.%0*d', o.amount / c.unit, c.exponent, o.amount % c.unit)
       END AS amount,
       o.currency,
       o.created_at,
       (o.flags & 1) <> 0 AS hold_extended,
       (o.flags & 2) <> 0 AS superseded,
       (o.flags & 4) <> 0 AS restocked,
       o.seldom ->> 'closing_since' AS closing_since,
       o.seldom ->> 'cancel_reason' AS cancel_reason
FROM orders o
LEFT JOIN (
    SELECT code, exponent, CAST(substr('10000', 1, exponent + 1) AS INTEGER) AS unit
    FROM currencies
) c ON c.code = o.currency;

-- Payments with what is packed.
CREATE VIEW payments_view AS
SELECT payment_id,
       order_id,
       status,
       gateway_txn_id,
       gateway,
       gateway_ref,
       attempt,
       method,
       amount,
       currency,
       captured,
       coalesce(seldom ->> 'captured_currency', currency) AS captured_currency,
       refund_committed,
       created_at,
       updated_at,
       (flags & 1) <> 0 AS find_by_ref,
       (flags & 2) <> 0 AS manual_capture,
       (flags & 4) <> 0 AS closable,
       (flags & 8) <> 0 AS unknown,
       (flags & 16) <> 0 AS closing,
       (flags & 32) <> 0 AS superseded,
       (flags & 64) <> 0 AS extra,
       1 + coalesce(seldom ->> 'further_calls', 0) AS calls,
       coalesce(seldom ->> 'look_ups', 0) AS look_ups,
       seldom ->> 'looked_up_at' AS looked_up_at,
       seldom ->> 'failure_code' AS failure_code,
       seldom ->> 'failure_message' AS failure_message
FROM payments;

CREATE VIEW inventory_view AS
SELECT sku, sum(available_qty) AS available_qty, sum(locked_qty) AS locked_qty
FROM inventory
GROUP BY sku;

-- +goose Down
DROP VIEW inventory_view;
DROP VIEW payments_view;
DROP VIEW orders_view;
DROP VIEW order_items;
DROP TABLE settings;
DROP TABLE api_keys;
DROP TABLE counters;
DROP TABLE event_log;
DROP TABLE idempotency_keys;
DROP TABLE webhook_events;
DROP TABLE tasks;
DROP TABLE holds;
DROP TABLE refunds;
DROP TABLE payments;
DROP TABLE stock_adjustments;
DROP VIEW inventory;
DROP TABLE stock;
DROP TABLE levels;
DROP TABLE order_details;
DROP TABLE orders;
DROP TABLE carts;
DROP TABLE products;
DROP TABLE customers;
DROP TABLE currencies;
