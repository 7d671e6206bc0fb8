-- name: webhook_events.insert
INSERT INTO webhook_events (webhook_id, event, status, order_id, applied_at, gateway, event_key, received_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: webhook_events.update
UPDATE webhook_events SET event = ?2, status = ?3, order_id = ?4, applied_at = ?5 WHERE webhook_id = ?1;

-- name: webhook_events.by_key
SELECT w.webhook_id, w.event, w.status, w.order_id, w.received_at, w.applied_at
FROM json_each(?1) k
CROSS JOIN webhook_events w ON w.gateway = k.value ->> 0 AND w.event_key = k.value ->> 1;

-- name: webhook_events.by_id
SELECT webhook_id, event, status, order_id, received_at, applied_at
FROM webhook_events
WHERE webhook_id = ?1;

-- name: webhook_events.after
SELECT webhook_id, event, status, order_id, received_at, applied_at
FROM webhook_events
WHERE webhook_id > ?1
ORDER BY webhook_id
LIMIT ?2;

-- name: idempotency_keys.insert
INSERT INTO idempotency_keys (scope, key, request_hash, status, body, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: idempotency_keys.by_key
SELECT a.scope, a.key, a.request_hash, a.status, a.body, a.created_at
FROM json_each(?1) k
CROSS JOIN idempotency_keys a ON a.scope = k.value ->> 0 AND a.key = k.value ->> 1;

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

-- name: event_log.insert
INSERT INTO event_log (batch_id, position, events, fenced) VALUES (?1, ?2, ?3, 0);

-- name: event_log.fence
INSERT INTO event_log (batch_id, position, events, fenced) VALUES (?1, NULL, '[]', 1)
ON CONFLICT (batch_id) DO NOTHING;

-- name: event_log.fenced
SELECT fenced FROM event_log WHERE batch_id = ?1;

-- name: event_log.by_batch
SELECT e.batch_id, e.position, e.events
FROM event_log e
WHERE e.batch_id IN (SELECT unhex(value) FROM json_each(?1)) AND e.fenced = 0
ORDER BY e.position;

-- name: event_log.after
SELECT batch_id, position, events
FROM event_log
WHERE position > ?1
ORDER BY position
LIMIT ?2;

-- name: counters.add
INSERT INTO counters (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = value + ?2
RETURNING value;

-- name: counters.all
SELECT name, value FROM counters;

-- name: settings.insert
INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING;

-- name: settings.by_name
SELECT value FROM settings WHERE name = ?1;

-- name: api_keys.insert
INSERT INTO api_keys (key_id, scope, hash, hint, created_at, revoked_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: api_keys.all
SELECT key_id, scope, hash, hint, created_at, revoked_at FROM api_keys ORDER BY key_id;

-- name: api_keys.by_hash
SELECT key_id, scope, hash, hint, created_at, revoked_at FROM api_keys WHERE hash = ?1;

-- name: api_keys.revoke
UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?2) WHERE key_id = ?1;
