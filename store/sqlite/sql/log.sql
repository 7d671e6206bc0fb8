-- name: webhook_events.insert
INSERT INTO webhook_events (event, status, order_id, applied_at, webhook_id, gateway, event_key, received_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: webhook_events.update
UPDATE webhook_events SET event = ?, status = ?, order_id = ?, applied_at = ? WHERE webhook_id = ?;

-- name: webhook_events.by_key
SELECT webhook_id, gateway, event_key, event, status, order_id, received_at, applied_at
FROM webhook_events
WHERE gateway = ? AND event_key = ?;

-- name: webhook_events.by_id
SELECT webhook_id, gateway, event_key, event, status, order_id, received_at, applied_at
FROM webhook_events
WHERE webhook_id = ?;

-- name: webhook_events.after
SELECT webhook_id, gateway, event_key, event, status, order_id, received_at, applied_at
FROM webhook_events
WHERE webhook_id > ?
ORDER BY webhook_id
LIMIT ?;

-- name: idempotency_keys.insert
INSERT INTO idempotency_keys (key_hash, request_hash, status, order_id, body, created_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: idempotency_keys.by_key
SELECT request_hash, status, order_id, body, created_at FROM idempotency_keys WHERE key_hash = ?;

-- Rows stand in the order of time: the first one that is young enough ends the
-- search, so that a purge never reads the whole table.
-- name: idempotency_keys.purge
DELETE FROM idempotency_keys
WHERE rowid IN (
    SELECT rowid
    FROM idempotency_keys
    WHERE created_at < ?1
      AND rowid < coalesce((SELECT rowid FROM idempotency_keys WHERE created_at >= ?1 ORDER BY rowid LIMIT 1), 9223372036854775807)
    ORDER BY rowid
    LIMIT ?2
);

-- name: event_log.position
SELECT coalesce(max(position), 0) FROM event_log WHERE position > 0;

-- name: event_log.insert
INSERT INTO event_log (position, batch_id, events)
VALUES ((SELECT coalesce(max(position), 0) + 1 FROM event_log WHERE position > 0), ?, ?);

-- name: event_log.fence
INSERT INTO event_log (position, batch_id, events)
VALUES ((SELECT coalesce(min(position), 0) - 1 FROM event_log WHERE position < 0), ?, '[]')
ON CONFLICT (batch_id) DO NOTHING;

-- name: event_log.position_of
SELECT position FROM event_log WHERE batch_id = ?;

-- name: event_log.by_batch
SELECT batch_id, position, events FROM event_log WHERE batch_id = ? AND position > 0;

-- name: event_log.after
SELECT batch_id, position, events
FROM event_log
WHERE position > ?
ORDER BY position
LIMIT ?;

-- name: counters.add
INSERT INTO counters (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = value + excluded.value
RETURNING value;

-- name: counters.all
SELECT name, value FROM counters
UNION ALL
SELECT 'events', max(position) FROM event_log WHERE position > 0 HAVING max(position) > 0;

-- name: settings.insert
INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING;

-- name: settings.by_name
SELECT value FROM settings WHERE name = ?;

-- name: api_keys.insert
INSERT INTO api_keys (key_id, scope, hash, hint, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: api_keys.all
SELECT key_id, scope, hash, hint, created_at, revoked_at FROM api_keys ORDER BY key_id;

-- name: api_keys.by_hash
SELECT key_id, scope, hash, hint, created_at, revoked_at FROM api_keys WHERE hash = ?;

-- name: api_keys.revoke
UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?2) WHERE key_id = ?1;
