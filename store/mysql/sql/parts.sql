-- Parts of statements, which name them in braces. Rows travel as one JSON array of
-- arrays; the columns stand in the order in which save_*.go writes them. What does not
-- fit its column must be refused by the table, not cut here, so texts are longtext.

-- part: ids
json_table(?, '$[*]' columns (id char(32) path '$')) u

-- part: texts
json_table(?, '$[*]' columns (text longtext path '$')) u

-- part: pairs
json_table(?, '$[*]' columns (first longtext path '$[0]', second longtext path '$[1]')) u

-- part: drops
json_table(?, '$[*]' columns (task_id char(32) path '$[0]', lease_id char(32) path '$[1]')) u

-- part: customers
json_table(?, '$[*]' columns (
    user_id longtext path '$[0]', email longtext path '$[1]', name longtext path '$[2]', phone longtext path '$[3]',
    tax_id longtext path '$[4]')) u

-- part: products
json_table(?, '$[*]' columns (
    sku longtext path '$[0]', created_at char(26) path '$[1]', updated_at char(26) path '$[2]', weight_g bigint path '$[3]',
    active int path '$[4]', name longtext path '$[5]', tax_code longtext path '$[6]', image longtext path '$[7]',
    prices longtext path '$[8]')) u

-- part: carts
json_table(?, '$[*]' columns (
    cart_id char(32) path '$[0]', created_at char(26) path '$[1]', updated_at char(26) path '$[2]',
    currency longtext path '$[3]', last_order char(32) path '$[4]', items longtext path '$[5]', coupons longtext path '$[6]',
    shipping_address longtext path '$[7]')) u

-- part: holds
json_table(?, '$[*]' columns (
    session_id longtext path '$[0]', hold_id char(32) path '$[1]', created_at char(26) path '$[2]',
    expires_at char(26) path '$[3]', allocations longtext path '$[4]')) u

-- part: inventory
json_table(?, '$[*]' columns (
    sku longtext path '$[0]', warehouse longtext path '$[1]', available_qty bigint path '$[2]', locked_qty bigint path '$[3]',
    deducted_qty bigint path '$[4]', restocked_qty bigint path '$[5]', received_qty bigint path '$[6]')) u

-- part: adjustments
json_table(?, '$[*]' columns (
    sku longtext path '$[0]', warehouse longtext path '$[1]', adjustment_id char(32) path '$[2]', delta bigint path '$[3]',
    counted bigint path '$[4]', created_at char(26) path '$[5]', reason longtext path '$[6]')) u

-- part: order_state
order_id char(32) path '$[0]', live_cart_id char(32) path '$[1]', updated_at char(26) path '$[2]',
    confirmed_at char(26) path '$[3]', closing_since char(26) path '$[4]', hold_expires_at char(26) path '$[5]',
    status longtext path '$[6]', hold_status longtext path '$[7]', hold_extended int path '$[8]', superseded int path '$[9]',
    restocked int path '$[10]', secured_by char(32) path '$[11]', invoice_seq bigint path '$[12]',
    invoice_series longtext path '$[13]', event_seq bigint path '$[14]', cancel_reason longtext path '$[15]',
    log longtext path '$[16]', allocations longtext path '$[17]'

-- part: new_orders
json_table(?, '$[*]' columns ({order_state},
    cart_id char(32) path '$[18]', user_id longtext path '$[19]', created_at char(26) path '$[20]', amount bigint path '$[21]',
    currency longtext path '$[22]', email longtext path '$[23]', details longtext path '$[24]')) u

-- part: changed_orders
json_table(?, '$[*]' columns ({order_state})) u

-- part: set_order
o.live_cart_id = unhex(u.live_cart_id), o.updated_at = u.updated_at, o.confirmed_at = u.confirmed_at,
    o.closing_since = u.closing_since, o.hold_expires_at = u.hold_expires_at, o.status = u.status,
    o.hold_status = u.hold_status, o.hold_extended = u.hold_extended, o.superseded = u.superseded,
    o.restocked = u.restocked, o.secured_by = unhex(u.secured_by), o.invoice_series = u.invoice_series,
    o.event_seq = u.event_seq, o.cancel_reason = u.cancel_reason, o.log = unhex(u.log), o.allocations = u.allocations

-- part: order_columns
o.order_id, o.cart_id, o.user_id, o.created_at, o.updated_at, o.confirmed_at, o.closing_since, o.hold_expires_at,
       o.amount, o.currency, o.status, o.hold_status, o.hold_extended, o.superseded, o.restocked, o.secured_by,
       o.invoice_seq, o.invoice_series, o.event_seq, o.cancel_reason, o.log, o.allocations

-- part: payment_state
payment_id char(32) path '$[0]', updated_at char(26) path '$[1]', action_expires char(26) path '$[2]',
    looked_up_at char(26) path '$[3]', captured bigint path '$[4]', refund_committed bigint path '$[5]',
    captured_currency longtext path '$[6]', call_no bigint path '$[7]', look_ups bigint path '$[8]', closable int path '$[9]',
    find_by_ref int path '$[10]', manual_capture int path '$[11]', unknown int path '$[12]', closing int path '$[13]',
    superseded int path '$[14]', extra int path '$[15]', status longtext path '$[16]', gateway_ref longtext path '$[17]',
    gateway_txn_id longtext path '$[18]', return_url longtext path '$[19]', token longtext path '$[20]',
    failure_code longtext path '$[21]', failure_message longtext path '$[22]', action longtext path '$[23]'

-- part: new_payments
json_table(?, '$[*]' columns ({payment_state},
    order_id char(32) path '$[24]', created_at char(26) path '$[25]', amount bigint path '$[26]', currency longtext path '$[27]',
    attempt bigint path '$[28]', gateway longtext path '$[29]', method longtext path '$[30]',
    idempotency_key longtext path '$[31]', request_hash longtext path '$[32]')) u

-- part: changed_payments
json_table(?, '$[*]' columns ({payment_state})) u

-- part: payment_columns
p.payment_id, p.order_id, p.created_at, p.updated_at, p.action_expires, p.looked_up_at, p.amount, p.currency,
       p.captured, p.captured_currency, p.refund_committed, p.attempt, p.call_no, p.look_ups, p.closable, p.find_by_ref,
       p.manual_capture, p.unknown, p.closing, p.superseded, p.extra, p.status, p.gateway, p.gateway_ref,
       p.gateway_txn_id, p.method, p.idempotency_key, p.request_hash, p.return_url, p.token, p.failure_code,
       p.failure_message, p.action

-- part: refund_state
refund_id char(32) path '$[0]', updated_at char(26) path '$[1]', call_no bigint path '$[2]', restock int path '$[3]',
    status longtext path '$[4]', reason longtext path '$[5]', gateway_ref longtext path '$[6]',
    failure_code longtext path '$[7]', failure_message longtext path '$[8]'

-- part: new_refunds
json_table(?, '$[*]' columns ({refund_state},
    order_id char(32) path '$[9]', payment_id char(32) path '$[10]', created_at char(26) path '$[11]',
    amount bigint path '$[12]', currency longtext path '$[13]', origin longtext path '$[14]')) u

-- part: changed_refunds
json_table(?, '$[*]' columns ({refund_state})) u

-- part: refund_columns
r.refund_id, r.order_id, r.payment_id, r.created_at, r.updated_at, r.amount, r.currency, r.call_no, r.restock,
       r.status, r.origin, r.reason, r.gateway_ref, r.failure_code, r.failure_message

-- part: webhook_state
webhook_id char(32) path '$[0]', order_id char(32) path '$[1]', applied_at char(26) path '$[2]', status longtext path '$[3]'

-- part: new_webhooks
json_table(?, '$[*]' columns ({webhook_state},
    received_at char(26) path '$[4]', gateway longtext path '$[5]', event_key longtext path '$[6]', event longtext path '$[7]')) u

-- part: changed_webhooks
json_table(?, '$[*]' columns ({webhook_state})) u

-- part: webhook_columns
w.webhook_id, w.order_id, w.received_at, w.applied_at, w.status, w.gateway, w.event_key, w.event

-- part: tasks
json_table(?, '$[*]' columns (
    task_id char(32) path '$[0]', order_id char(32) path '$[1]', created_at char(26) path '$[2]', due_at char(26) path '$[3]',
    free_at char(26) path '$[4]', leased_until char(26) path '$[5]', lease_id char(32) path '$[6]', attempts bigint path '$[7]',
    kind longtext path '$[8]', attention int path '$[9]', last_error longtext path '$[10]')) u

-- part: task_columns
t.task_id, t.order_id, t.created_at, t.due_at, t.leased_until, t.lease_id, t.attempts, t.kind, t.attention, t.last_error

-- part: answers
json_table(?, '$[*]' columns (
    key_id char(32) path '$[0]', order_id char(32) path '$[1]', created_at char(26) path '$[2]', status bigint path '$[3]',
    request_hash longtext path '$[4]', body longtext path '$[5]')) u
