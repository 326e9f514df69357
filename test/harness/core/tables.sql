-- The core banking system of the demo and the tests: pgbench's bank, grown a ledger key, a request table and a log.
-- Runs after `pgbench -i`, which has made and filled the four tables.

-- Debezium keys its events by primary key; with one, the default REPLICA IDENTITY is all it needs.
alter table pgbench_history
    add column hid bigint generated always as identity primary key,
    add column idempotency_key text unique;

comment on column pgbench_history.idempotency_key is
    'the key of the payment that made this entry; null where pgbench made it';

-- Money to pay with. Tellers and branches carry the same sums, as after any number of pgbench transactions.
update pgbench_accounts set abalance = abalance + :opening;
update pgbench_branches b
   set bbalance = bbalance + :opening * (select count(*) from pgbench_accounts a where a.bid = b.bid);
update pgbench_tellers t
   set tbalance = tbalance + :opening * (select count(*) from pgbench_accounts a where a.bid = t.bid)
 where t.tid = (select min(tid) from pgbench_tellers o where o.bid = t.bid);

-- Every key that was ever answered, with the answer: what makes a second call harmless.
create table core_request (
    idempotency_key text primary key,
    operation       text not null,
    payload         jsonb not null,
    status          text check (status in ('posted', 'rejected')),
    reference       text,
    message         text
);

-- What each database that posts here said last of itself: see core_witness.
create table core_witness_mark (
    instance   text primary key,
    claim      text not null,
    claimed_at timestamptz not null default now()
);

-- What the core booked, in the order it booked it: the tests' independent truth. No unique constraint on the key: a
-- doubled booking must be recorded here, not prevented here.
create table core_log (
    sequence        bigint generated always as identity primary key,
    idempotency_key text not null,
    operation       text not null,
    account         integer not null,
    amount          numeric not null,
    booked_at       timestamptz not null default clock_timestamp()
);
