-- Times are microseconds since 1970, UTC. Ids are UUIDs of 16 bytes. Money is
-- minor units of the currency beside it. Indexes stand only where a query or a
-- constraint needs them: each one is paid for by every sale.

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
    cart_id          BLOB PRIMARY KEY CHECK (length(cart_id) = 16),
    currency         TEXT NOT NULL,
    items            TEXT NOT NULL,
    shipping_address TEXT,
    coupons          TEXT NOT NULL,
    last_order_id    BLOB,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE orders (
    order_id        BLOB PRIMARY KEY CHECK (length(order_id) = 16),
    user_id         TEXT REFERENCES customers (user_id),
    status          TEXT NOT NULL CHECK (status IN ('PENDING', 'AWAITING_PAYMENT', 'CONFIRMED', 'PARTIALLY_REFUNDED', 'REFUNDED', 'EXPIRED', 'CANCELLED')),
    amount          INTEGER NOT NULL CHECK (amount >= 0),
    currency        TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    email           TEXT NOT NULL,
    cart_id         BLOB,
    live_cart_id    BLOB, -- the cart while this is its one live order
    hold_status     TEXT NOT NULL CHECK (hold_status IN ('OPEN', 'CLAIMED', 'RELEASED', 'EXPIRED')),
    hold_expires_at INTEGER,
    hold_extended   INTEGER NOT NULL,
    allocations     TEXT NOT NULL,
    secured_by      BLOB,
    superseded      INTEGER NOT NULL,
    closing_since   INTEGER,
    restocked       INTEGER NOT NULL,
    cancel_reason   TEXT NOT NULL,
    invoice_series  TEXT NOT NULL,
    invoice_seq     INTEGER,
    event_seq       INTEGER NOT NULL,
    log             BLOB NOT NULL, -- ids of event_log, 16 bytes each
    updated_at      INTEGER NOT NULL,
    confirmed_at    INTEGER,
    details         TEXT NOT NULL -- written once; a table of its own was no faster
) STRICT;
CREATE UNIQUE INDEX orders_live_cart ON orders (live_cart_id) WHERE live_cart_id IS NOT NULL;
CREATE UNIQUE INDEX orders_invoice ON orders (invoice_series, invoice_seq) WHERE invoice_seq IS NOT NULL;
CREATE INDEX orders_hold_expires ON orders (hold_expires_at);
CREATE INDEX orders_user ON orders (user_id, order_id) WHERE user_id IS NOT NULL;

CREATE TABLE order_items (
    order_id   BLOB NOT NULL REFERENCES orders (order_id),
    line_no    INTEGER NOT NULL,
    sku        TEXT NOT NULL,
    qty        INTEGER NOT NULL CHECK (qty > 0),
    name       TEXT NOT NULL,
    unit_price INTEGER NOT NULL,
    discount   INTEGER NOT NULL,
    tax        INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    PRIMARY KEY (order_id, line_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE inventory (
    sku           TEXT NOT NULL,
    warehouse     TEXT NOT NULL,
    available_qty INTEGER NOT NULL CHECK (available_qty >= 0),
    locked_qty    INTEGER NOT NULL CHECK (locked_qty >= 0),
    received_qty  INTEGER NOT NULL,
    deducted_qty  INTEGER NOT NULL CHECK (deducted_qty >= 0),
    restocked_qty INTEGER NOT NULL CHECK (restocked_qty >= 0),
    PRIMARY KEY (sku, warehouse)
) STRICT, WITHOUT ROWID;

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
    payment_id        BLOB PRIMARY KEY CHECK (length(payment_id) = 16),
    order_id          BLOB NOT NULL REFERENCES orders (order_id),
    status            TEXT NOT NULL CHECK (status IN ('INITIATED', 'PENDING', 'AUTHORIZED', 'SUCCEEDED', 'FAILED', 'VOIDED')),
    gateway_txn_id    TEXT, -- the charge, NULL until known
    gateway_ref       TEXT, -- the session or the gateway's order, NULL until known
    attempt           INTEGER NOT NULL,
    gateway           TEXT NOT NULL,
    method            TEXT NOT NULL,
    amount            INTEGER NOT NULL CHECK (amount >= 0),
    currency          TEXT NOT NULL,
    captured          INTEGER NOT NULL CHECK (captured >= 0),
    captured_currency TEXT NOT NULL,
    refund_committed  INTEGER NOT NULL,
    idempotency_key   TEXT,
    request_hash      TEXT NOT NULL,
    token             TEXT NOT NULL,
    return_url        TEXT NOT NULL,
    manual_capture    INTEGER NOT NULL,
    closable          INTEGER NOT NULL,
    call_no           INTEGER NOT NULL,
    unknown           INTEGER NOT NULL,
    closing           INTEGER NOT NULL,
    superseded        INTEGER NOT NULL,
    extra             INTEGER NOT NULL,
    action            TEXT,
    failure_code      TEXT NOT NULL,
    failure_message   TEXT NOT NULL,
    action_expires_at INTEGER,
    look_ups          INTEGER NOT NULL,
    looked_up_at      INTEGER,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    CHECK (refund_committed BETWEEN 0 AND captured)
) STRICT;
CREATE UNIQUE INDEX payments_attempt ON payments (order_id, idempotency_key);
CREATE UNIQUE INDEX payments_charge ON payments (gateway, gateway_txn_id) WHERE gateway_txn_id IS NOT NULL;
CREATE INDEX payments_gateway_ref ON payments (gateway_ref, gateway) WHERE gateway_ref IS NOT NULL;

CREATE TABLE refunds (
    refund_id       BLOB PRIMARY KEY CHECK (length(refund_id) = 16),
    order_id        BLOB NOT NULL REFERENCES orders (order_id),
    payment_id      BLOB NOT NULL REFERENCES payments (payment_id),
    status          TEXT NOT NULL CHECK (status IN ('PENDING', 'SUCCEEDED', 'FAILED')),
    amount          INTEGER NOT NULL CHECK (amount >= 0),
    currency        TEXT NOT NULL,
    gateway_ref     TEXT,
    origin          TEXT NOT NULL,
    reason          TEXT NOT NULL,
    restock         INTEGER NOT NULL,
    call_no         INTEGER NOT NULL,
    failure_code    TEXT NOT NULL,
    failure_message TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX refunds_order ON refunds (order_id);
CREATE INDEX refunds_gateway_ref ON refunds (gateway_ref) WHERE gateway_ref IS NOT NULL;

CREATE TABLE holds (
    session_id  TEXT PRIMARY KEY,
    hold_id     BLOB NOT NULL,
    allocations TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_expires ON holds (expires_at);

CREATE TABLE tasks (
    task_id      BLOB PRIMARY KEY CHECK (length(task_id) = 16),
    kind         TEXT NOT NULL,
    order_id     BLOB,
    due_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    lease_id     BLOB,
    leased_until INTEGER,
    attention    INTEGER NOT NULL,
    last_error   TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX tasks_due ON tasks (attention, due_at);

CREATE TABLE webhook_events (
    webhook_id  BLOB PRIMARY KEY CHECK (length(webhook_id) = 16),
    gateway     TEXT NOT NULL,
    event_key   TEXT NOT NULL,
    event       TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('RECEIVED', 'APPLIED', 'FOREIGN')),
    order_id    BLOB,
    received_at INTEGER NOT NULL,
    applied_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX webhook_events_key ON webhook_events (gateway, event_key);

-- A table with a rowid: its rows stand in the order of writing, so the oldest
-- are found without an index on their time.
CREATE TABLE idempotency_keys (
    scope        TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status       INTEGER NOT NULL,
    body         BLOB,
    created_at   INTEGER NOT NULL,
    UNIQUE (scope, key)
) STRICT;

-- One row for each committed batch, and for each batch that was fenced out.
CREATE TABLE event_log (
    batch_id BLOB PRIMARY KEY CHECK (length(batch_id) = 16),
    position INTEGER UNIQUE, -- NULL where fenced
    events   TEXT NOT NULL,
    fenced   INTEGER NOT NULL
) STRICT;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    key_id     BLOB PRIMARY KEY CHECK (length(key_id) = 16),
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

-- Orders with their amount as decimal text in major units.
CREATE VIEW orders_view AS
SELECT o.order_id,
       o.user_id,
       o.status,
       CASE c.exponent
           WHEN 0 THEN printf('%d', o.amount)
           ELSE printf('%d.%0*d', o.amount / c.unit, c.exponent, o.amount % c.unit)
       END AS amount,
       o.currency,
       o.created_at
FROM orders o
LEFT JOIN (
    SELECT code, exponent, CAST(substr('10000', 1, exponent + 1) AS INTEGER) AS unit
    FROM currencies
) c ON c.code = o.currency;

CREATE VIEW inventory_view AS
SELECT sku, sum(available_qty) AS available_qty, sum(locked_qty) AS locked_qty
FROM inventory
GROUP BY sku;

-- +goose Down
DROP VIEW inventory_view;
DROP VIEW orders_view;
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
DROP TABLE inventory;
DROP TABLE order_items;
DROP TABLE orders;
DROP TABLE carts;
DROP TABLE products;
DROP TABLE customers;
DROP TABLE currencies;
