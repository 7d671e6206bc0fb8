-- What runs in a transaction of its own.

-- name: row_types
-- The types of the tables' rows and, in order, of their columns.
select c.relname::text, c.reltype::bigint, t.typarray::bigint, a.atttypid::bigint
from pg_class c
join pg_type t on t.oid = c.reltype
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
order by c.relname, a.attnum;

-- name: own
update counters set owner = $1::uuid where name = 'events' returning value;

-- name: owns
select owner is not distinct from $1::uuid and (owner is null or value >= $2::bigint) from counters where name = 'events';

-- name: fence
-- Waits for a transaction that holds the same id until that one has ended.
insert into event_log (batch_id, fenced) values ($1::uuid, true) on conflict (batch_id) do nothing;

-- name: is_fenced
select fenced from event_log where batch_id = $1::uuid;

-- name: wake_tasks
-- Moves the tasks of payments that are due into tasks. Those that a commit is about
-- to change are left for the next time, with their reminder. The lateral queries
-- cannot be turned into a walk of all payments.
with due as (
    select ctid as place, remind_at, payments
    from task_reminders
    where remind_at <= now()
    order by remind_at
    limit $1::bigint
    for update skip locked
), owed as (
    select due.place, d.payment_id
    from due
    cross join unnest(due.payments) as d (payment_id)
    cross join lateral (
        select
        from payments p
        where p.payment_id = d.payment_id and p.task_kind is not null
          and greatest(coalesce(p.task_due_at, p.created_at), p.task_leased_until) <= due.remind_at
        offset 0
    ) as still
), locked as (
    select l.*
    from (select distinct payment_id from owed order by payment_id) as o
    cross join lateral (
        select p.payment_id, p.order_id, coalesce(p.task_due_at, p.created_at) as task_due_at, p.created_at, p.task_kind, p.task_lease, p.task_leased_until
        from payments p
        where p.payment_id = o.payment_id and p.task_kind is not null
          and greatest(coalesce(p.task_due_at, p.created_at), p.task_leased_until) <= now()
        for update skip locked
    ) as l
), moved as (
    insert into tasks (task_id, order_id, due_at, created_at, attempts, kind, attention, lease_id, leased_until)
    select payment_id, order_id, task_due_at, created_at, 0, task_kind, false, task_lease, task_leased_until
    from locked
), cleared as (
    update payments p
    set task_kind = null
    from locked
    where p.payment_id = locked.payment_id
)
delete from task_reminders
where ctid = any(array(
    select place from due
    where place not in (select place from owed where payment_id not in (select payment_id from locked))));

-- name: claim_tasks
with due as (
    select task_id
    from tasks
    where due_at <= now() and not attention and (leased_until is null or leased_until <= now())
      and ($4::text[] is null or kind::text = any($4::text[]))
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
with owed as (
    select payment_id, order_id, coalesce(task_due_at, created_at) as task_due_at, created_at, task_kind
    from payments
    where payment_id = $1::uuid and task_lease = $2::uuid and task_kind is not null
    for update
), moved as (
    insert into tasks (task_id, order_id, due_at, created_at, attempts, kind, attention)
    select payment_id, order_id, task_due_at, created_at, 0, task_kind, false
    from owed
), cleared as (
    update payments p
    set task_kind = null
    from owed
    where p.payment_id = owed.payment_id
)
update tasks set lease_id = null, leased_until = null where task_id = $1::uuid and lease_id = $2::uuid;

-- name: due_holds
select session_id from holds where expires_at <= now() order by expires_at, session_id limit $1::bigint;

-- name: now
select now();

-- name: due_bound
-- The order at which a look for orders that are due has passed so many.
select order_id
from orders
where order_id >= first_id_at($1::timestamptz - interval '15 minutes') and order_id < first_id_at(now() - interval '15 minutes')
order by order_id
offset $2::bigint
limit 1;

-- name: due_orders
-- The ends that are stored, and those that follow from the time of the making. Where
-- an end is not stored, the id's time is that of the making, or up to a second more:
-- see record.holdEnd.
(select order_id, hold_expires_at as ends
from orders
where hold_expires_at > $1::timestamptz and hold_expires_at <= $3::timestamptz and hold_status = 'OPEN'
order by hold_expires_at, order_id
limit $2::bigint)
union all
(select order_id, created_at + interval '15 minutes'
from orders
where hold_expires_at is null and hold_status = 'OPEN'
  and order_id >= first_id_at($1::timestamptz - interval '15 minutes')
  and order_id < first_id_at($3::timestamptz - interval '15 minutes' + interval '2 seconds')
  and created_at > $1::timestamptz - interval '15 minutes' and created_at <= $3::timestamptz - interval '15 minutes'
order by order_id
limit $2::bigint)
order by ends, order_id
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
-- The version, and the oldest one whose processes can work with it.
select coalesce(max(version_id), 0), (select version from schema_oldest) from schema_version where is_applied;

-- name: turn
select pg_advisory_xact_lock(hashtextextended('kassa turn ' || current_schema(), 0));
