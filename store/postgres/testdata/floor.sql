-- What PostgreSQL takes for the rows of a sale and of a hold with everything else
-- taken away: no protocol, no JSON, no more columns than keys and a state, every
-- statement a set, run within the server from keys that were made before.

create table bare_orders (
    id         uuid primary key,
    answer_key uuid unique,
    at         timestamptz not null,
    status     integer not null
) with (fillfactor = 30);

create table bare_payments (
    id       uuid primary key,
    order_id uuid not null,
    at       timestamptz not null,
    status   integer not null
) with (fillfactor = 30);

create index on bare_payments (order_id);

create table bare_charges (name text collate "C" primary key, payment_id uuid not null);

create table bare_webhooks (
    id  uuid primary key,
    key text collate "C" not null unique,
    at  timestamptz not null
);

create table bare_stock (
    sku       text collate "C" primary key,
    available bigint not null,
    locked    bigint not null,
    deducted  bigint not null
) with (fillfactor = 30);

insert into bare_stock
select 'SKU-' || lpad(n::text, 5, '0'), 1000000000, 0, 0
from generate_series(0, 9999) n;

create table bare_holds (
    session_id text collate "C" primary key,
    hold_id    uuid not null,
    expires_at timestamptz not null
);

-- The keys of batches of 400 sales with two lines each. Ids count up, as ours do.
create unlogged table keys (batch integer, id uuid, random uuid, skus text[]);

create procedure make_keys(batches integer) language sql as $$
    truncate keys;
    insert into keys
    select b, (lpad(to_hex(extract(epoch from clock_timestamp())::bigint), 8, '0') || lpad(to_hex(b), 8, '0')
               || '8' || lpad(to_hex(n), 3, '0') || substr(md5(random()::text), 1, 12))::uuid,
           gen_random_uuid(),
           array['SKU-' || lpad(((b * 800 + n * 2) % 10000)::text, 5, '0'), 'SKU-' || lpad(((b * 800 + n * 2 + 1) % 10000)::text, 5, '0')]
    from generate_series(1, batches) b, generate_series(1, 400) n
    order by b, n;
    create index if not exists keys_batch on keys (batch);
    analyze keys;
$$;

create procedure sell(batches integer) language plpgsql as $$
begin
    for b in 1..batches loop
        insert into bare_orders select id, random, now(), 1 from keys where batch = b;
        update bare_stock s set available = available - 1, locked = locked + 1
        from (select unnest(skus) as sku from keys where batch = b) u where s.sku = u.sku;
        commit;
        insert into bare_payments select id, id, now(), 1 from keys where batch = b;
        update bare_orders o set status = 2, at = now() from keys k where k.batch = b and o.id = k.id;
        commit;
        update bare_payments p set status = 2, at = now() from keys k where k.batch = b and p.id = k.id;
        commit;
        insert into bare_charges select 'ch_' || id, id from keys where batch = b;
        insert into bare_webhooks select id, 'evt_' || id, now() from keys where batch = b;
        update bare_payments p set status = 3, at = now() from keys k where k.batch = b and p.id = k.id;
        update bare_orders o set status = 3, at = now() from keys k where k.batch = b and o.id = k.id;
        update bare_stock s set locked = locked - 1, deducted = deducted + 1
        from (select unnest(skus) as sku from keys where batch = b) u where s.sku = u.sku;
        commit;
    end loop;
end
$$;

create procedure hold(batches integer) language plpgsql as $$
begin
    for b in 1..batches loop
        insert into bare_holds select random, id, now() from keys where batch = b order by random;
        update bare_stock set available = available - 400, locked = locked + 400 where sku = 'SKU-00000';
        commit;
    end loop;
end
$$;
