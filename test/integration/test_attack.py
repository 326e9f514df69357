"""What an attacker, a careless owner of a table, or a core that breaks its word may try. Each test was seen to fail."""

import contextlib

import psycopg2
import pytest

from harness.await_ import await_

SETUP = """
create server core_bank foreign data wrapper standin_postgres options (host '127.0.0.1', port '{port}', dbname 'bank');
create user mapping for standin_owner server core_bank options (user 'bank_service', password '{password}');
select standin.core_define('core', server => 'core_bank', probe_interval => '100 ms', minimum_dwell => '200 ms', call_timeout => '1 s');
select standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
create role app login;
grant standin_app to app;
select standin.operation_grant('core', '*', 'app', channel => '');
create role eve login;
grant standin_admin to eve;
create schema eve authorization eve;
grant usage on schema eve to public;
create table eve.seen (who text, session text, superuser text);
alter table eve.seen owner to eve;
grant insert, select on eve.seen to public;
create function eve.post(text, text, jsonb, out status text, out reference text, out message text) language sql
    as $$ select 'posted', 'R', '' $$;
create function eve.look() returns boolean language plpgsql as $$
begin
    insert into eve.seen values (current_user, session_user, current_setting('is_superuser'));
    return true;
end $$;
create function eve.look(anything integer) returns boolean language sql as $$ select eve.look() $$;
"""


@pytest.fixture(scope="module")
def service(bank):
    core = bank.start_core()
    service = bank.start_service()
    service.psql("-c", SETUP.format(port=core.cluster.port, password=core.SERVICE[1]), dbname="bank")
    await_("mode online", lambda: bank.value("select mode from standin.core_status where core = 'core'") == "online")
    return bank


def connect(bank, user):
    return contextlib.closing(bank.service.connect("bank", user=user))


def run(bank, user, *statements):
    with connect(bank, user) as session, session.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def submit(core, operation, key, account, amount):
    return ("select status, code from standin.transaction_submit"
            f"('{core}', '{operation}', '{key}', '{{\"account\": \"{account}\", \"amount\": {amount}}}')")


@pytest.fixture(scope="module")
def owned(service):
    """A core of functions and a balance table that belong to eve; stand-in answers."""
    run(service, "eve",
        "create table eve.balance (account integer primary key, balance numeric)",
        "insert into eve.balance values (1, 100), (2, 50)",
        "grant select on eve.balance to standin_owner",
        "select standin.core_define('owned', 'function', connector_role => 'eve', post_function => 'eve.post', inquire_function => null)",
        "select standin.operation_define('owned', 'debit', standin_allowed => true)",
        "select standin.operation_define('owned', 'credit', direction => 'credit', standin_allowed => true)",
        "select standin.operation_grant('owned', '*', 'app')",
        "select standin.balance_bind('owned', 'eve.balance', 'account', 'balance')",
        "select standin.rule_define('owned', 'available_balance', 0)",
        "select standin.core_switch('owned', 'forced_stand_in', 'a test')")
    return service


def test_a_connector_cannot_make_itself_a_superuser(service):
    """A probe runs inside a worker: it must find no superuser there whose membership it can use."""
    run(service, "eve",
        """create function eve.climb() returns boolean language plpgsql as $$
        begin
            perform eve.look();
            perform standin.core_define('climbed', 'function', connector_role => 'postgres', post_function => 'eve.post',
                                        inquire_function => null, probe_function => 'eve.look', probe_interval => '50 ms');
            perform standin.operation_define('climbed', 'any');
            return true;
        end $$""",
        "select standin.core_define('climber', 'function', connector_role => 'eve', post_function => 'eve.post', "
        "inquire_function => null, probe_function => 'eve.climb', probe_interval => '50 ms')",
        "select standin.operation_define('climber', 'any')")
    await_("a refused probe", lambda: service.value("select probe_failure from standin.core_status where core = 'climber'"))
    assert service.query("select core from standin.core_status where core = 'climbed'") == []
    assert service.query("select * from eve.seen where who <> 'eve' or session = 'postgres' or superuser = 'on'") == []


@pytest.mark.parametrize("role", ["postgres", "standin_owner"])
def test_no_connector_runs_as_superuser_or_owner(service, role):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        service.query("select standin.core_define('high', 'function', connector_role => %s, post_function => 'eve.post', inquire_function => null)",
                      [role])


def test_an_index_of_a_table_borrows_no_rights(service):
    """An expression index runs its owner's code in whoever analyzes the table: a superuser, or autovacuum."""
    service.query("create role rich")
    run(service, "eve",
        "create table eve.trap (n integer)",
        "insert into eve.trap values (1)",
        """create function eve.borrow(integer) returns integer language plpgsql immutable as $$
        begin
            if session_user = 'postgres' then
                perform standin.core_define('borrowed', 'function', connector_role => 'rich', post_function => 'eve.post', inquire_function => null);
            end if;
            return $1;
        end $$""",
        "create index on eve.trap (eve.borrow(n))")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="security-restricted"):
        service.query("analyze eve.trap")


def test_an_account_has_one_name(owned):
    """Balance 100 and as many spellings of the account as one likes: only one of them may be promised 100."""
    assert run(owned, "app", submit("owned", "debit", "name-1", "1", 100)) == [("accepted", "09")]
    for number, name in enumerate(("01", " 1", "+1", "1 ", "0x1", "-0")):
        with pytest.raises(psycopg2.errors.InvalidParameterValue):
            run(owned, "app", submit("owned", "debit", f"name-1-{number}", name, 100))
    assert run(owned, "app", submit("owned", "debit", "name-2", "1", 1)) == [("declined", "51")]


def test_the_owner_of_a_balance_table_runs_nothing_as_the_product(owned):
    run(owned, "eve",
        "delete from eve.seen",
        "alter table eve.balance enable row level security",
        "alter table eve.balance force row level security",
        "create policy spy on eve.balance using (eve.look(account))")
    try:
        run(owned, "app", submit("owned", "debit", "policy", "2", 1))
        owned.query("select * from standin.accounts")
        assert {row[0] for row in owned.query("select who from eve.seen")} == {"eve"}
    finally:
        run(owned, "eve", "drop policy spy on eve.balance", "alter table eve.balance no force row level security",
            "alter table eve.balance disable row level security")


def test_a_connector_sees_no_name_of_the_callers(service):
    """The caller's search_path must not choose what a connector's function calls, which runs as another role."""
    run(service, "postgres",
        "create role teller; grant teller to postgres; create schema teller authorization teller; grant usage on schema teller to public",
        """create function teller.post(text, text, jsonb, out status text, out reference text, out message text) language plpgsql
           as $$ begin status := 'rejected'; message := $1 || $2; end $$""",
        "select standin.core_define('named', 'function', connector_role => 'teller', post_function => 'teller.post', inquire_function => null)",
        "select standin.operation_define('named', 'any')",
        "select standin.operation_grant('named', 'any', 'app', channel => '')",
        "create schema app authorization app; grant usage on schema app to public")
    answer = run(service, "app",
                 "create function app.glue(text, text) returns text language sql as $$ select current_user::text $$",
                 "create operator app.|| (leftarg = text, rightarg = text, function = app.glue)",
                 "set search_path = app, pg_catalog",
                 "call standin.transaction_execute('named', 'any', 'k', '{\"account\": 1, \"amount\": 1}')")
    assert answer[0][3] == "kany"


def test_an_old_snapshot_leaves_nothing_behind_in_the_session(owned):
    """What a repeatable read transaction knew of modes and rules is old; the next transaction must not decide by it."""
    with connect(owned, "app") as session, session.cursor() as cursor:
        cursor.execute("begin isolation level repeatable read")
        cursor.execute("select 1")
        run(owned, "eve", "select standin.rule_define('owned', 'per_transaction_limit', 5)",
            "select standin.core_switch('owned', 'online', 'a test')",
            "select standin.core_switch('owned', 'forced_stand_in', 'a test')")
        cursor.execute(submit("owned", "debit", "old-1", "2", 7))
        with pytest.raises(psycopg2.errors.SerializationFailure):
            cursor.execute("commit")
        cursor.execute(submit("owned", "debit", "old-1", "2", 7))
        assert cursor.fetchall() == [("declined", "61")]
    run(owned, "eve", "select standin.rule_define('owned', 'per_transaction_limit', 1000)")


def test_an_old_snapshot_does_not_call_a_retry_another_payload(owned):
    with connect(owned, "app") as session, session.cursor() as cursor:
        cursor.execute("begin isolation level repeatable read")
        cursor.execute("select 1")
        assert run(owned, "app", submit("owned", "credit", "same", "2", 7)) == [("accepted", "09")]
        with pytest.raises(psycopg2.errors.SerializationFailure):
            cursor.execute(submit("owned", "credit", "same", "2", 7))
        cursor.execute("rollback")
        cursor.execute(submit("owned", "credit", "same", "2", 7))
        assert cursor.fetchall() == [("accepted", "09")]


def test_an_answer_is_not_a_commit(service):
    """The core says posted, then hangs in its commit and rolls back: nothing may be called posted before it is ready again."""
    core = service.core
    core.cluster.query("""
        create table hesitation (seconds integer);
        insert into hesitation values (60);
        create function hesitate() returns trigger language plpgsql security definer as $$
        begin
            raise notice 'this flushes the answer to the client';
            perform pg_sleep(seconds) from hesitation;
            return null;
        end $$;
        create constraint trigger hesitate after insert on core_request deferrable initially deferred
            for each row execute function hesitate()""", dbname="bank")
    try:
        answer = run(service, "app", "call standin.transaction_execute('core', 'payment', 'hung', '{\"account\": 1, \"amount\": 1}')")
        assert answer[0][1] == "accepted"
        assert service.value("select status from standin.transaction_status('core', 'hung')") != "posted"
    finally:
        core.cluster.query("update hesitation set seconds = 0", dbname="bank")
        core.cluster.query("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'", dbname="bank")
    await_("the payment posted", lambda: service.value("select status from standin.transaction_status('core', 'hung')") == "posted")
    assert [row[1] for row in core.booked()].count("hung") == 1
    assert service.query("select * from standin.conservation_faults where core = 'core'") == []


def test_a_terminated_launcher_comes_back(service):
    """Without it the next crash of any backend would be the last that the workers see."""
    launcher = "select pid from pg_stat_activity where backend_type = 'pg_standin launcher'"
    before = service.value(launcher)
    assert service.value("select pg_terminate_backend(%s)", [before])
    await_("another launcher", lambda: service.value(launcher) not in (None, before))


def test_a_session_that_idles_holds_up_its_own_account_only(service):
    """It has submitted and holds its account's row: the answer of that account waits, all others are written."""
    service.query("select standin.core_switch('core', 'forced_stand_in', 'a test')")
    for account in range(5000, 5010):
        service.query(submit("core", "payment", f"queued-{account}", account, 1))
    with connect(service, "app") as idle, idle.cursor() as cursor:
        idle.autocommit = False
        cursor.execute(submit("core", "payment", "idle", 5000, 1))
        service.query("select standin.core_switch('core', 'online', 'a test')")
        state = "select status from standin.transaction_status('core', %s)"
        await_("the other nine accounts", lambda: service.value(
            "select count(*) from standin.transactions where key like 'queued-%%' and state in ('posted', 'reconciled')") == 9)
        assert service.value(state, ["queued-5000"]) == "in_flight"
        idle.rollback()
    await_("the account itself", lambda: service.value(state, ["queued-5000"]) == "posted")
