-- name: tasks.put
INSERT INTO tasks (task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (task_id) DO UPDATE
SET kind = ?2, order_id = ?3, due_at = ?4, attempts = ?5, lease_id = ?6, leased_until = ?7,
    attention = ?8, last_error = ?9, created_at = ?10;

-- name: tasks.drop
DELETE FROM tasks WHERE task_id = ?1 AND (?2 IS NULL OR lease_id = ?2);

-- name: tasks.by_id
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE task_id = ?1;

-- name: tasks.after
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE task_id > ?1
ORDER BY task_id
LIMIT ?2;

-- name: tasks.attention
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE attention = 1 AND task_id > ?1
ORDER BY task_id
LIMIT ?2;

-- name: tasks.claimable
SELECT task_id, kind, order_id, due_at, attempts, lease_id, leased_until, attention, last_error, created_at
FROM tasks
WHERE attention = 0 AND due_at <= ?1 AND (lease_id IS NULL OR leased_until IS NULL OR leased_until <= ?1)
ORDER BY due_at, task_id
LIMIT ?2;

-- name: tasks.lease
UPDATE tasks SET lease_id = ?2, leased_until = ?3 WHERE task_id = ?1;

-- name: tasks.release
UPDATE tasks SET lease_id = NULL, leased_until = NULL WHERE task_id = ?1 AND lease_id = ?2;

-- name: tasks.free
UPDATE tasks SET lease_id = NULL, leased_until = NULL WHERE lease_id IS NOT NULL;
