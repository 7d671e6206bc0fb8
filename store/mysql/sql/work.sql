-- What runs in a transaction of its own.

-- name: server
select version(), @@max_allowed_packet;

-- name: own
-- The position is the insert id of the answer.
update counters set owner = ?, value = last_insert_id(value) where name = 'events';

-- name: owns
select owner <=> ? and (owner is null or value >= ?) from counters where name = 'events';

-- name: fence
-- Waits for a transaction that holds the same id until that one has ended.
insert into event_log (batch_id, fenced) values (?, true);

-- name: is_fenced
select fenced from event_log where batch_id = ?;

-- name: lock_free_tasks
-- Those that a commit is about to change, or another claims, are left.
select {task_columns}
from tasks t force index (tasks_free_at)
where t.free_at <= ? and (? = '' or find_in_set(t.kind, ?))
order by t.free_at
limit ?
for update skip locked;

-- name: lease_tasks
update {ids} straight_join tasks t force index (primary) on t.task_id = unhex(u.id)
set t.lease_id = ?, t.leased_until = ?, t.free_at = ?;

-- name: release_task
update tasks set lease_id = null, leased_until = null, free_at = if(attention, null, due_at)
where task_id = ? and lease_id = ?;

-- name: due_holds
select session_id from holds force index (holds_expires_at)
where expires_at <= utc_timestamp(6)
order by expires_at, session_id
limit ?;

-- name: due_bound
-- The end at which a look for orders that are due has passed so many.
select hold_expires_at
from orders force index (orders_hold_expires_at)
where hold_expires_at > ? and hold_expires_at <= ?
order by hold_expires_at
limit 1 offset ?;

-- name: due_orders
select order_id, hold_expires_at
from orders force index (orders_hold_expires_at)
where hold_expires_at > ? and hold_expires_at <= ? and hold_status = 'OPEN'
order by hold_expires_at, order_id
limit ?;

-- name: purge_answers
delete from idempotency_keys where created_at < ? order by created_at limit ?;

-- name: keep_secret
insert ignore into settings (name, value) values (?, ?);

-- name: read_secret
select value from settings where name = ?;

-- name: insert_api_key
insert into api_keys (key_id, hash, created_at, revoked_at, scope, hint) values (?, ?, ?, ?, ?, ?);

-- name: list_api_keys
select key_id, hash, created_at, revoked_at, scope, hint from api_keys order by key_id;

-- name: find_api_key
select key_id, hash, created_at, revoked_at, scope, hint from api_keys where hash = ?;

-- name: revoke_api_key
update api_keys set revoked_at = coalesce(revoked_at, utc_timestamp(6)) where key_id = ?;

-- name: schema_version
-- The version, and the oldest one whose processes can work with it.
select coalesce(max(version_id), 0), (select version from schema_oldest) from schema_version where is_applied;

-- name: lock_migrations
select get_lock(?, ?);

-- name: unlock_migrations
select release_lock(?);

-- name: turn
select one from turn for update;
