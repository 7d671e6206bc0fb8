-- name: tasks.put
INSERT INTO tasks (task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id) DO UPDATE
SET kind = excluded.kind, order_id = excluded.order_id, due_at = excluded.due_at, attempts = excluded.attempts,
    lease_id = excluded.lease_id, leased_until = excluded.leased_until, attention = excluded.attention,
    last_error = excluded.last_error, created_at = excluded.created_at;

-- name: tasks.drop
DELETE FROM tasks WHERE task_id = ?1 AND (?2 IS NULL OR lease_id = ?2);

-- name: tasks.by_id
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE task_id = ?;

-- name: tasks.after
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE task_id > ?
ORDER BY task_id
LIMIT ?;

-- name: tasks.attention
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE attention = 1 AND task_id > ?
ORDER BY task_id
LIMIT ?;

-- name: tasks.due
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE lease_id IS NULL AND attention = 0 AND due_at <= ?1 AND (?2 = '' OR instr(?2, ' ' || kind || ' '))
ORDER BY due_at, task_id
LIMIT ?3;

-- name: tasks.lease
UPDATE tasks SET lease_id = ?, leased_until = ? WHERE task_id = ?;

-- name: tasks.release
UPDATE tasks SET lease_id = NULL, leased_until = NULL WHERE task_id = ? AND lease_id = ?;

-- name: tasks.free
UPDATE tasks SET lease_id = NULL, leased_until = NULL WHERE lease_id IS NOT NULL;
