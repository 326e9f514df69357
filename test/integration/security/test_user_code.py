"""Code that users bring never runs with the product's rights: types, roles, and what hangs on the product's own tables."""

import psycopg2
import pytest

from attackers import prepare, run, submit, users_of
from harness.await_ import await_

TYPES = ["dom", "dom[]", "acc", "acc[]", "word"]


@pytest.fixture(scope="module")
def service(bank):
    bank.start_service()
    prepare(bank)
    run(bank, "table_owner",
        "create function table_owner.post(text, text, jsonb, out status text, out reference text, out message text) language sql "
        "as $$ select 'posted', 'R', '' $$",
        "create table table_owner.balance (account integer primary key, balance numeric)",
        "insert into table_owner.balance values (7, 100)",
        "grant select on table_owner.balance to standin_owner")
    bank.query("select standin.core_define('core', 'function', connector_role => 'table_owner', post_function => 'table_owner.post', inquire_function => '')")
    bank.query("select standin.operation_define('core', 'debit', standin_allowed => true)")
    bank.query("select standin.operation_grant('core', '*', 'standin_app', channel => '')")
    bank.query("select standin.rule_define('core', 'available_balance', 0)")
    bank.query("select standin.core_switch('core', 'forced_stand_in', 'a test')")
    return bank


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("bind", ["balance_bind('core', '{}', 'account', 'balance')", "balance_bind('core', '{}', 'n', 'account')",
                                  "balance_bind('core', '{}', 'n', 'balance', 'account')", "reconciliation_bind('core', '{}', 'account')"])
def test_no_column_of_a_type_that_somebody_made_is_bound(service, type, bind):
    table = "table_owner.made"
    run(service, "table_owner", f"create table {table} (n integer, account table_owner.{type}, balance numeric)", f"grant select on {table} to standin_owner")
    try:
        with pytest.raises(psycopg2.errors.DatatypeMismatch, match="built-in type"):
            run(service, "admin", "select standin." + bind.format(table))
    finally:
        run(service, "table_owner", f"drop table {table}")


@pytest.mark.parametrize("type", TYPES)
def test_a_bound_column_that_becomes_one_is_not_read_any_more(service, type):
    """The owner of the table needs no role of the product for it."""
    service.query("select standin.balance_bind('core', 'table_owner.balance', 'account', 'balance')")
    assert run(service, "app", submit("core", "debit", f"before-{type}", "7")) == [("accepted", "09")]
    value = {"dom": "account", "dom[]": "array[account]", "acc": "row(account)::table_owner.acc", "acc[]": "array[row(account)::table_owner.acc]",
             "word": "account::text::table_owner.word"}[type]
    back = {"dom": "account", "dom[]": "account[1]", "acc": "(account).x", "acc[]": "account[1].x", "word": "account::text::integer"}[type]
    run(service, "table_owner", f"alter table table_owner.balance alter account type table_owner.{type} using {value}::table_owner.{type}")
    users_of(service)
    try:
        for account in ("7", "(7)", "{7}"):
            with pytest.raises(psycopg2.errors.DatatypeMismatch):
                run(service, "app", submit("core", "debit", f"after-{type}", account))
        assert run(service, "admin", "select account, balance from standin.accounts where core = 'core'") == [("7", None)]
        assert users_of(service) == set()
    finally:
        run(service, "table_owner", f"alter table table_owner.balance alter account type integer using {back}")
    assert run(service, "app", submit("core", "debit", f"after-{type}", "7")) == [("accepted", "09")]


def test_a_partition_of_another_owner_runs_nothing_as_the_product(service):
    """A table of a superuser is read as the product, and planning looks at the expressions of its partitions' indexes."""
    service.query("create table public.rich (account integer, balance numeric) partition by list (account);"
                  "grant select on public.rich to standin_owner; create table table_owner.part (account integer, balance numeric);"
                  "alter table public.rich attach partition table_owner.part for values in (7);"
                  "alter table table_owner.part owner to table_owner")
    run(service, "table_owner",
        "create function table_owner.hidden(integer) returns integer language plpgsql immutable as $$ begin perform table_owner.look(); return $1; end $$",
        "create index on table_owner.part (table_owner.hidden(1))")
    users_of(service)
    service.query("select standin.balance_bind('core', 'public.rich', 'account', 'balance')")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(service, "app", submit("core", "debit", "partition", "7"))
    assert users_of(service) <= {"table_owner"}
    service.query("select standin.balance_bind('core', 'table_owner.balance', 'account', 'balance'); drop table public.rich")


RISEN = [("postgres", None), ("standin_owner", None), ("standin_app", None), ("standin_operator", None), ("standin_approver", None),
         ("standin_auditor", None), ("standin_admin", None), ("standin_nobody", None), ("member", "postgres"), ("member", "standin_owner"), ("member", "between")]


@pytest.fixture(params=RISEN, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def risen(service, request):
    """A role that is, or by a chain of memberships can become, a superuser or the product."""
    name, membership = request.param
    service.query("create role between noinherit; grant postgres to between")
    if membership:
        service.query(f"create role {name} login noinherit; create schema {name} authorization {name}; grant {membership} to {name}")
    yield name
    if membership:
        service.query(f"drop owned by {name}; drop role {name}")
    service.query("drop role between")


def test_nothing_is_configured_to_run_as_a_role_that_can_rise(service, risen):
    service.query("create server if not exists nowhere foreign data wrapper standin_kafka options (\"bootstrap.servers\" '127.0.0.1:1')")
    service.query("create table public.target (id integer primary key); create table public.signals (id text, type text, data text);"
                  "create function public.heard(text, bytea, text) returns void language sql as ''")
    service.query("grant select, insert, update, delete on public.target to public; grant usage, create on schema public to public")
    service.query("select standin.cdc_source_create('source', 'nowhere', paused => true)")
    try:
        refused = [f"select standin.core_define('high', 'function', connector_role => '{risen}', post_function => 'table_owner.post', inquire_function => '')",
                   f"select standin.cdc_table_add('source', 'topic', 'public.target', apply_role => '{risen}')",
                   f"select standin.cdc_table_create('source', 'topic', 'public.made', owner => '{risen}')"]
        if risen != "postgres":
            service.query(f"alter function public.heard owner to {risen}; alter table public.signals owner to {risen}")
        refused.append("select standin.cdc_source_alter('source', on_message => 'call', message_function => 'public.heard(text, bytea, text)')")
        refused.append("select standin.cdc_source_alter('source', signal_table => 'public.signals'); insert into standin_private.cdc_table "
                       "values ('source', 'a.b', 'public.target', 'current', null, 'ignore', 'ignore', 'enforce'); select standin.cdc_snapshot('source', 'a.b')")
        for statement in refused:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="never|must be"):
                service.query(statement)
    finally:
        service.query("select standin.cdc_source_drop('source'); drop table public.target, public.signals; drop function public.heard")


@pytest.mark.parametrize("membership", ["postgres", "standin_owner"])
def test_a_role_that_rises_later_runs_nothing_from_then_on(service, membership):
    service.query("grant connect on database bank to plain")
    core = f"late_{membership}"
    run(service, "plain",
        "create or replace function plain.post(text, text, jsonb, out status text, out reference text, out message text) language sql as $$ select 'posted', 'R', '' $$",
        "create or replace function plain.probe() returns boolean language sql as $$ select plain.look() $$",
        "create or replace procedure plain.work(input jsonb) language plpgsql as $$ begin perform plain.look(); end $$")
    service.query("grant usage on schema standin to plain; grant execute on function standin.workflow_start to plain;"
                  "select standin.workflow_define('work', 'plain.work(jsonb)')")
    service.query(f"grant {membership} to plain")
    try:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="workflows"):
            run(service, "plain", "select standin.workflow_start('work', 'risen')")
        service.query(f"revoke {membership} from plain")
        users_of(service)
        service.query(f"select standin.core_define('{core}', 'function', connector_role => 'plain', post_function => 'plain.post', inquire_function => '',"
                      f" probe_function => 'plain.probe', probe_interval => '50 ms'); select standin.operation_define('{core}', 'any')")
        await_("a probe", lambda: service.query("select 1 from loot.seen where who = 'plain'"))
        service.query(f"grant {membership} to plain")
        await_("a refused probe", lambda: "never run as" in (service.value("select probe_failure from standin.core_status where core = %s", [core]) or ""))
        assert users_of(service) == {"plain"}
    finally:
        service.query(f"revoke {membership} from plain")
        service.query(f"select standin.core_define('{core}', probe_interval => '1 hour')")


def test_a_member_of_an_ordinary_role_of_the_product_runs_workflows(service):
    run(service, "app", "create procedure app.work(input jsonb) language plpgsql as $$ begin perform app.look(); end $$")
    service.query("grant execute on function standin.workflow_start to app; select standin.workflow_define('useful', 'app.work(jsonb)')")
    run(service, "app", "select standin.workflow_start('useful', 'useful')")
    await_("the workflow to run", lambda: service.query("select 1 from loot.seen where who = 'app' and session = 'app'"))
    assert users_of(service) <= {"app", "plain"}  # whose probes may go on


PARTS = {
    "trigger": "create trigger foreign_part after insert on {t} for each row execute function table_owner.look_at_row()",
    "deferred trigger": "create constraint trigger foreign_part after delete on {t} deferrable initially deferred for each row execute function table_owner.look_at_row()",
    "rule": "create rule foreign_part as on insert to {t} do also select table_owner.look()",
    "policy": "create policy foreign_part on {t} using (table_owner.look())",
    "row security": "alter table {t} enable row level security",
    "check": "alter table {t} add constraint foreign_part check (table_owner.look(crashes))",
    "default": "alter table {t} alter crashes set default table_owner.steady(1)",
    "column": "alter table {t} add foreign_part table_owner.acc",
    "index expression": "create index foreign_part on {t} (table_owner.steady(crashes))",
    "index predicate": "create index foreign_part on {t} (crashes) where table_owner.steady(crashes) > 0",
    "child": "create table public.foreign_part () inherits ({t})",
    "reference from outside": "create table public.foreign_part (kind text, key text, foreign key (kind, key) references {t} on delete cascade)",
}


def test_the_products_tables_have_no_foreign_parts(service):
    assert service.query("select * from standin_private.foreign_parts()") == []
    assert service.value("select status from standin.preflight() where check_name = 'foreign_parts'") == "ok"


@pytest.mark.parametrize("part", PARTS)
def test_each_kind_of_foreign_part_is_told(service, part):
    run(service, "table_owner", "create or replace function table_owner.steady(integer) returns integer language sql immutable as $$ select $1 $$")
    session = service.service.connect("bank", autocommit=False)
    try:
        cursor = session.cursor()
        cursor.execute("truncate standin_private.worker_mark") # to make an index calls its functions, as the owner of the table
        cursor.execute(PARTS[part].format(t="standin_private.worker_mark"))
        cursor.execute("select found from standin.preflight() where check_name = 'foreign_parts' and status = 'error'")
        assert ("foreign_part" if "row security" not in part and part not in ("default", "column") else "worker_mark") in cursor.fetchone()[0]
    finally:
        session.rollback()
        session.close()


def supervisor(bank):
    return bank.value("select pid from pg_stat_activity where backend_type = 'pg_standin supervisor' and datname = 'bank'")


def test_what_is_deferred_to_the_commit_of_a_process_finds_nobodys_rights(service):
    """The supervisor was connected, and committed, as the bootstrap superuser."""
    service.query("grant standin_owner to plain")
    run(service, "plain",
        """create function plain.climb() returns trigger language plpgsql as $$
        begin
            perform plain.look();
            begin
                execute 'alter role plain superuser';
            exception when others then null;
            end;
            return null;
        end $$""")
    try:
        # A worker that is young has a mark, which is deleted when it has proven itself.
        service.query("select standin.core_define('young', 'function', connector_role => 'table_owner', post_function => 'table_owner.post', inquire_function => '');"
                      "select standin.operation_define('young', 'any')")
        await_("a marked worker", lambda: service.value("select count(*) = 2 from standin_private.worker_mark where key = 'young'"))
        users_of(service)
        run(service, "plain", "set role standin_owner; create constraint trigger spy after update or delete on standin_private.worker_mark "
                              "deferrable initially deferred for each row execute function plain.climb()")
        await_("the trigger to have run", lambda: service.query("select 1 from loot.seen"))
        assert users_of(service) == {"standin_nobody"}
        assert not service.value("select rolsuper from pg_roles where rolname = 'plain'")
        service.query("select pg_terminate_backend(%s)", [supervisor(service)])
        await_("refused workers", lambda: service.query("select distinct state from standin.stat_worker where kind <> 'supervisor'") == [("refused",)])
        assert "trigger spy" in service.value("select distinct detail from standin.stat_worker where kind <> 'supervisor'")
        assert service.value("select status from standin.preflight() where check_name = 'foreign_parts'") == "error"
    finally:
        service.query("drop trigger spy on standin_private.worker_mark; revoke standin_owner from plain")
    service.query("select pg_terminate_backend(%s)", [supervisor(service)])
    await_("running workers", lambda: service.value("select bool_and(pid is not null) from standin.stat_worker where key = 'young'"))
