"""What a database or a role has set is for those who connect: the product's own work comes out the same."""

import pytest

from harness.await_ import await_
from streams import event

# Beside each enum and boolean that a session may set, turned round:
SETTINGS = {
    "DateStyle": "SQL, DMY", "TimeZone": "Australia/Eucla", "search_path": "hostile", "extra_float_digits": "-15",
    "statement_timeout": "1ms", "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "1ms", "work_mem": "64kB",
    "default_tablespace": "nowhere", "gin_fuzzy_search_limit": "1", "from_collapse_limit": "1", "cursor_tuple_fraction": "0",
}
LEFT_OUT = {
    "transaction_isolation": "of a transaction", "transaction_read_only": "of a transaction", "transaction_deferrable": "of a transaction",
    "session_replication_role": "a superuser's, and means that no trigger fires",
    "allow_system_table_mods": "a superuser's", "debug_discard_caches": "only slows down",
}
# What a session asks for itself is its own wish: the tests' sessions are not meant to be stopped.
OWN_WISHES = ("-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 "
              "-c default_transaction_read_only=off -c default_transaction_isolation=read\\\\ committed")
PLAIN = OWN_WISHES + (" -c search_path=public -c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=1"
                      " -c bytea_output=hex")
DATABASE = """
create extension pg_standin;
create table events (id int primary key, f float8, n numeric, b bytea, t timestamptz, d timestamp, i interval, a int[], x text);
alter table events owner to replica;
create server kafka foreign data wrapper standin_kafka options ("bootstrap.servers" '{brokers}');
select standin.cdc_source_create('source', 'kafka');
select standin.cdc_table_add('source', 'settings', 'events');
create table balances (account int primary key, balance numeric, as_of timestamptz);
insert into balances select a, 10.1, '2026-02-01 12:00:00+00' from generate_series(1, 200) a;
grant select on balances to standin_owner;
create server core_bank foreign data wrapper standin_postgres options (host '127.0.0.1', port '{port}', dbname 'bank');
create user mapping for standin_owner server core_bank options (user 'bank_service', password '{password}');
select standin.core_define('core', server => 'core_bank', probe_interval => '100 ms', rise => 2, fall => 3,
                           minimum_dwell => '0', call_timeout => '5 s');
select standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
select standin.operation_grant('core', '*', 'app', channel => '');
select standin.balance_bind('core', 'balances', 'account', 'balance', 'as_of');
select standin.rule_define('core', 'available_balance');
create function double(input jsonb) returns jsonb language sql as $$ select jsonb_build_object('n', (input->>'n')::int * 2) $$;
create procedure work(input jsonb, inout output jsonb) language plpgsql as $$
begin
    call standin.step('double', 'public.double', input, output);
    call standin.step('double', 'public.double', output, output);
end $$;
select standin.workflow_define('work', 'public.work(jsonb,jsonb)');
"""
TURN_ROUND = r"""
do $do$ begin perform 1; end $do$;
select name, case when vartype = 'bool' then case setting when 'on' then 'off' else 'on' end
                  else (select v from unnest(enumvals) v where v <> setting limit 1) end
  from pg_settings
 where context in ('user', 'superuser') and vartype in ('bool', 'enum') and name !~ '^(log_|debug_print_|trace_|pg_standin\.)'
"""


@pytest.fixture(scope="module")
def databases(bank):
    """The same in two databases, of which one turns round every setting that it can."""
    bank.start_core()
    bank.start_kafka()
    bank.start_service(extension=False)
    bank.kafka.topic_create("settings", 1)
    bank.service.query("create role replica nologin")
    bank.service.query("create role app login")
    for name in ("calm", "hostile"):
        bank.service.query(f"create database {name}")
        if name == "hostile":
            turn_round(bank.service)
        bank.service.psql("-c", DATABASE.format(brokers=bank.kafka.brokers, port=bank.core.cluster.port,
                                                password=bank.core.SERVICE[1]), dbname=f"dbname={name} options='{PLAIN}'")
    bank.service.query("grant standin_app to app")
    return bank.service


def turn_round(server):
    settings = {name: value for name, value in server.query(TURN_ROUND) if name not in LEFT_OUT and value is not None}
    assert len(settings) > 60
    for name, value in {**settings, **SETTINGS}.items():
        value = f"'{value}'" if name != "search_path" else value
        server.query(f"alter database hostile set {name} = {value}")
    server.query("alter role app in database hostile set lock_timeout = '1ms'")


def both(server, ask):
    calm, hostile = ask("calm"), ask("hostile")
    assert calm == hostile
    return hostile


def query(server, dbname, sql, params=None, options=PLAIN, **more):
    return server.query(sql, params, dbname=dbname, options=f"'{options}'", **more)


def test_changes_are_captured_alike(databases, bank):
    bank.kafka.produce("settings", [
        event("c", {"id": 1, "f": 0.1, "n": 12345678901.5, "b": "3q2+7w==", "t": "2026-03-04T05:06:07.5Z",
                    "d": 1770000000123, "i": 93784000000, "a": [1, None, 3], "x": "a\\b'c"}),
        event("c", {"id": 2, "f": 1e-300, "n": 1.5, "b": "", "t": "2026-12-11T00:00:00Z", "d": 0, "i": -1, "a": [], "x": "NULL"}),
        event("u", {"id": 2, "f": 3.0000000000000004, "n": 2, "b": None, "t": None, "d": None, "i": None, "a": None, "x": None}),
        event("c", {"id": "no number"}),
    ])
    for name in ("calm", "hostile"):
        await_(f"the events in {name}", lambda name=name: query(databases, name, "select sum(next_offset) from standin.stat_cdc") == [(4,)])
    letters = both(databases, lambda name: query(databases, name, "select record_offset, sqlstate, column_name from standin.cdc_dead_letters"))
    assert [letter[0] for letter in letters] == [3], letters
    rows = both(databases, lambda name: query(databases, name, "select events::text from events order by id"))
    assert len(rows) == 2 and "2026-03-04 05:06:07.5+00" in rows[0][0]


def test_a_verification_finds_the_same_differences(databases):
    """Texts that a session's settings make of two values may be alike."""
    other = """create table reference as select * from events;
               update reference set f = f + 1e-6, b = decode('ff', 'hex') where id = 1"""
    def ask(name):
        databases.psql("-c", other, dbname=f"dbname={name} options='{PLAIN}'")
        run = query(databases, name, "call standin.cdc_verify('source', 'settings', 'public.reference', 100, '1 s')", options=OWN_WISHES)[0][0]
        return query(databases, name, "select key, kind, columns from standin.cdc_differences where run = %s", [run])
    assert both(databases, ask) == [({"id": "1"}, "different", ["f", "b"])]


@pytest.mark.parametrize("options", [PLAIN, OWN_WISHES])
def test_stand_in_decides_queues_and_replays_alike(databases, bank, options):
    number = 10 if options == PLAIN else 20
    def ask(name):
        account = number + (100 if name == "hostile" else 0)
        submit = lambda key, amount: query(databases, name, "select status, code, message from standin.transaction_submit('core', 'payment', %s, %s)",
                                           [f"{name} {number} {key}", f'{{"account": {account}, "amount": {amount}}}'], options, user="app")
        await_("online", lambda: query(databases, name, "select mode from standin.core_status") == [("online",)])
        seen = [query(databases, name, "call standin.transaction_execute('core', 'payment', %s, %s)",
                      [f"{name} {number} executed", f'{{"account": {account}, "amount": 1}}'], options, user="app")[0][1:3]]
        query(databases, name, "select standin.core_switch('core', 'forced_stand_in', 'test')", options=options)
        seen += [submit("first", 7), submit("first", 7), submit("second", 4), submit("third", 2)]
        seen += query(databases, name, "select balance, held, available, as_of::timestamptz = '2026-02-01 12:00:00+00' from standin.accounts where account = %s",
                      [str(account)], options)
        query(databases, name, "select standin.core_switch('core', 'recovering', 'test')", options=options)
        await_("online again", lambda: query(databases, name, "select mode from standin.core_status") == [("online",)])
        seen += query(databases, name, "select decision, code, verdicts::text, amount from standin.decisions where key like %s order by ticket",
                      [f"{name} {number} %"], options)
        seen += query(databases, name, "select state, promised, hold from standin.transactions where key like %s order by ticket", [f"{name} {number} %"], options)
        seen += query(databases, name, "select * from standin.conservation_faults", options=options)
        return seen
    seen = both(databases, ask)
    assert seen[0][0] == "posted" and [row[0] for row in seen[-4:]] == ["posted", "posted", "declined", "posted"]
    booked = bank.core.query("select count(*) from core_log where idempotency_key like %s", [f"hostile {number} %"])
    assert booked == [(3,)]


def test_a_workflow_runs_alike_where_its_role_may_not_even_write(databases):
    for name in ("calm", "hostile"):
        query(databases, name, "select standin.workflow_start('work', 'one', '{\"n\": 21}')", user="app", options=OWN_WISHES)
    for name in ("calm", "hostile"):
        await_(f"its end in {name}",
               lambda name=name: query(databases, name, "select status, output from standin.workflows") == [("completed", {"n": 84})])


def test_no_worker_fails(databases):
    await_("the workers at work", lambda: query(databases, "hostile", "select count(*) from standin.stat_worker where pid is not null") >= [(4,)])
    assert query(databases, "hostile", "select kind, restarts, last_error from standin.stat_worker where restarts > 0 or last_error is not null") == []


def test_what_user_code_sets_or_resets_in_a_worker_lasts_for_its_transaction_at_most(databases, bank):
    query(databases, "calm", """
        create table seen (step serial, id int, read_only text, style text);
        create function look() returns trigger language plpgsql as $$
        begin
            insert into public.seen (id, read_only, style) values (new.id, current_setting('default_transaction_read_only'), current_setting('DateStyle'));
            if new.id % 2 = 0 then
                reset all;
            end if;
            set default_transaction_read_only = on;
            set DateStyle = 'German';
            return null;
        end $$;
        create constraint trigger look after insert on events deferrable initially deferred for each row execute function look();
        create trigger look_at_once after insert on events for each row execute function look();
        grant all on seen, seen_step_seq to public; grant usage on schema public to public""")
    for number in (101, 102, 103, 104):
        bank.kafka.produce("settings", [event("c", {"id": number})])
        await_(f"event {number}", lambda number=number: query(databases, "calm", "select id from events where id = %s", [number]))
    # Twice a transaction: at once it finds the product's settings, at the commit those it has left itself, or none after RESET ALL.
    seen = query(databases, "calm", "select id, array_agg(read_only || ' ' || style order by step) from seen group by id order by id")
    assert [row[1][0] for row in seen] == ["off ISO, MDY"] * 4, seen
    assert query(databases, "calm", "select restarts, last_error from standin.stat_worker where kind = 'cdc'") == [(0, None)]
