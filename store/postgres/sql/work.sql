-- What runs in a transaction of its own.

-- name: fence
-- Waits for a transaction that holds the same id until that one has ended.
insert into event_log (batch_id, fenced) values ($1::uuid, true) on conflict (batch_id) do nothing;

-- name: is_fenced
select fenced from event_log where batch_id = $1::uuid;

-- name: claim_tasks
with due as (
    select task_id
    from tasks
    where due_at <= now() and not attention and (leased_until is null or leased_until <= now())
    order by due_at, task_id
    limit $2::bigint
    for update skip locked
), claimed as (
    update tasks t
    set lease_id = $1::uuid, leased_until = now() + $3::bigint * interval '1 microsecond'
    from due
    where t.task_id = due.task_id
    returning t.*
)
select task_id, order_id, due_at, created_at, attempts, lease_id, leased_until, attention, kind, last_error
from claimed
order by due_at, task_id;

-- name: release_task
update tasks set lease_id = null, leased_until = null where task_id = $1::uuid and lease_id = $2::uuid;

-- name: due_holds
select session_id from holds where expires_at <= now() order by expires_at, session_id limit $1::bigint;

-- name: now
select now();

-- name: due_orders
select order_id, hold_expires_at
from orders
where hold_expires_at > $1::timestamptz and hold_expires_at <= now() and hold_status = 'OPEN'
order by hold_expires_at, order_id
limit $2::bigint;

-- name: purge_answers
delete from idempotency_keys
where ctid = any(array(
    select ctid from idempotency_keys where created_at < $1::timestamptz limit $2::bigint));

-- name: keep_secret
insert into settings (name, value) values ($1::text, $2::bytea) on conflict (name) do nothing;

-- name: read_secret
select value from settings where name = $1::text;

-- name: insert_api_key
insert into api_keys (key_id, hash, created_at, revoked_at, scope, hint)
values ($1::uuid, $2::bytea, $3::timestamptz, $4::timestamptz, $5::text, $6::text);

-- name: list_api_keys
select key_id, hash, created_at, revoked_at, scope, hint from api_keys order by key_id;

-- name: find_api_key
select key_id, hash, created_at, revoked_at, scope, hint from api_keys where hash = $1::bytea;

-- name: revoke_api_key
update api_keys set revoked_at = coalesce(revoked_at, now()) where key_id = $1::uuid;

-- name: schema_version
select coalesce(max(version_id), 0) from schema_version where is_applied;
