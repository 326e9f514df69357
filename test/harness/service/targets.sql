-- The local copies of pgbench's tables on the service's side: what CDC applies into, as their owner.
create role replica nologin;

create table pgbench_branches (
    bid integer primary key,
    bbalance integer,
    filler character(88)
);
create table pgbench_tellers (
    tid integer primary key,
    bid integer,
    tbalance integer,
    filler character(84)
);
create table pgbench_accounts (
    aid integer primary key,
    bid integer,
    abalance integer,
    filler character(84)
);
create table pgbench_history (
    tid integer,
    bid integer,
    aid integer,
    delta integer,
    mtime timestamp without time zone,
    filler character(22),
    hid bigint primary key,
    idempotency_key text
);
alter table pgbench_branches owner to replica;
alter table pgbench_tellers owner to replica;
alter table pgbench_accounts owner to replica;
alter table pgbench_history owner to replica;
