"""Change capture beside hostile owners of tables: their code runs as the applying role, with its triggers and keys on."""

import psycopg2
import pytest

from attackers import prepare, run, users_of
from harness.await_ import await_
from source_log import PLACEHOLDER, Log, change_key, send
from streams import event


@pytest.fixture(scope="module")
def kafka(bank):
    bank.start_kafka()
    bank.start_service()
    prepare(bank)
    bank.define_server()
    return bank.kafka


class Stream:
    """One topic into a table of table_owner."""

    def __init__(self, bank, name, columns=None, partitions=1, table="", **options):
        self.bank, self.name, self.topic, self.table = bank, name, f"db.{name}", f"table_owner.{name}"
        bank.kafka.topic_create(self.topic, partitions)
        if columns:
            run(bank, "table_owner", f"create table {self.table} ({columns})")
        words = "".join(f", {key} => {value}" for key, value in options.items())
        bank.query(f"select standin.cdc_source_create('{name}', 'kafka'{words})")
        bank.query(f"select standin.cdc_table_add('{name}', '{self.topic}', '{self.table}'{table})")

    def produce(self, *events, partition=None):
        self.bank.kafka.produce(self.topic, list(events), partition)

    def applied(self, offset):
        await_(f"{self.name} at {offset}", lambda: self.bank.value("select sum(next_offset) from standin.stat_cdc where source = %s", [self.name]) == offset)

    def error(self):
        return self.bank.value("select last_error from standin.stat_worker where kind = 'cdc' and key = %s", [self.name]) or ""

    def drop(self):
        self.bank.query("select standin.cdc_source_drop(%s)", [self.name])


def test_types_of_a_target_run_as_its_role(bank, kafka):
    """As any column, and as a key that changes, whose text other rooms compare."""
    row = {"d": 1, "pair": "(1)", "word": "7"}
    stream = Stream(bank, "typed", "id table_owner.dom[] primary key, d table_owner.dom, pair table_owner.acc, word table_owner.word, long text")
    log = Log()
    send(stream, *log.event("c", {"id": [1], "long": "stored"} | row))
    for half in change_key(stream, log, [1], [2], {"long": PLACEHOLDER} | row):
        half()
    stream.applied(4)
    assert bank.query("select sqlstate, error from standin.cdc_dead_letters where source = 'typed'") == []
    assert bank.query("select id::text, long from table_owner.typed") == [("{2}", "stored")]
    assert users_of(bank) == {"table_owner"}
    stream.drop()


def test_a_row_whose_key_is_of_a_composite_type_changes_its_key(bank, kafka):
    stream = Stream(bank, "composite", "id table_owner.acc primary key, short char(3), long text")
    log = Log()
    send(stream, *log.event("c", {"id": "(1)", "short": "abc", "long": "stored"}))
    for half in change_key(stream, log, "(1)", "(2)", {"short": "abc", "long": PLACEHOLDER}):
        half()
    stream.applied(4)
    assert bank.query("select id::text, long from table_owner.composite") == [("(2)", "stored")]
    assert users_of(bank) <= {"table_owner"}
    stream.drop()


def test_deferred_triggers_of_two_owners_run_each_as_its_own(bank, kafka):
    """In one batch, whatever the triggers queue; none can defer anything beyond its table's turn."""
    bank.kafka.topic_create("db.two", 1)
    bank.query("select standin.cdc_source_create('two', 'kafka'); create table loot.deferred (of name, who name); grant insert on loot.deferred to public")
    for owner in ("table_owner", "server_owner"):
        bank.kafka.topic_create(f"db.two_{owner}", 1)
        run(bank, owner, f"create table {owner}.two (id integer primary key)", f"create table {owner}.other (id integer)",
            f"""create function {owner}.remember() returns trigger language plpgsql as $$
            begin
                insert into loot.deferred values ('{owner}', current_user);
                if tg_argv[0] = 'first' then
                    begin
                        set constraints all deferred;
                        insert into loot.deferred values ('{owner}', 'was deferred');
                    exception when feature_not_supported then null;
                    end;
                    insert into {owner}.other values (new.id);
                end if;
                return null;
            end $$""")
        for table, argument in (("two", "first"), ("other", "last")):
            run(bank, owner, f"create constraint trigger remember after insert on {owner}.{table} deferrable initially deferred"
                             f" for each row execute function {owner}.remember('{argument}')")
        bank.query(f"select standin.cdc_table_add('two', 'db.two_{owner}', '{owner}.two')")
    bank.query("select standin.cdc_pause('two')")
    for owner in ("table_owner", "server_owner"):
        bank.kafka.produce(f"db.two_{owner}", [event("c", {"id": number}) for number in range(3)])
    bank.query("select standin.cdc_resume('two')")
    await_("both", lambda: bank.value("select sum(next_offset) from standin.stat_cdc where source = 'two'") == 6)
    assert set(bank.query("select of, who, count(*) from loot.deferred group by 1, 2")) == {
        ("table_owner", "table_owner", 6), ("server_owner", "server_owner", 6)}
    assert bank.query("select sqlstate from standin.cdc_dead_letters where source = 'two'") == []
    bank.query("select standin.cdc_source_drop('two')")


def test_a_key_that_confirms_transactions_stops_its_source_when_its_type_is_somebodys(bank, kafka):
    run(bank, "table_owner", "create function table_owner.post(text, text, jsonb, out status text, out reference text, out message text) language sql "
                             "as $$ select 'posted', 'R', '' $$")
    bank.query("select standin.core_define('core', 'function', connector_role => 'table_owner', post_function => 'table_owner.post', inquire_function => '')")
    stream = Stream(bank, "booked", "id integer primary key, key integer")
    run(bank, "table_owner", "grant select on table_owner.booked to standin_owner")
    bank.query("select standin.reconciliation_bind('core', 'table_owner.booked', 'key')")
    stream.produce(event("c", {"id": 1, "key": 1}))
    stream.applied(1)
    run(bank, "table_owner", "alter table table_owner.booked alter key type table_owner.dom")
    users_of(bank)
    stream.produce(event("c", {"id": 2, "key": 2}))
    await_("an error", lambda: "not of a built-in type" in stream.error())
    assert users_of(bank) <= {"table_owner"}
    run(bank, "table_owner", "alter table table_owner.booked alter key type integer")
    stream.applied(2)
    stream.drop()


def test_what_a_trigger_submits_is_asked_by_its_role(bank, kafka):
    """A worker is nobody's session: what its triggers ask for must not be written down as the product's own."""
    bank.query("grant standin_app to table_owner; select standin.operation_define('core', 'any'), standin.operation_grant('core', 'any', 'table_owner')")
    stream = Stream(bank, "asking", "id integer primary key")
    run(bank, "table_owner",
        """create function table_owner.ask() returns trigger language plpgsql as $$
        begin
            perform standin.transaction_submit('core', 'any', 'k' || new.id, jsonb_build_object('account', new.id, 'amount', 1));
            return new;
        end $$""",
        "create trigger ask after insert on table_owner.asking for each row execute function table_owner.ask()")
    stream.produce(event("c", {"id": 1}))
    stream.applied(1)
    assert bank.query("select decided_by from standin.decisions where key = 'table_owner/k1'") == [("table_owner",)]
    stream.drop()


CALLS = ["cdc_source_drop('inside')", "cdc_table_remove('inside', 'db.inside')", "cdc_seek('inside', 'db.inside', 0, 0)", "cdc_pause('inside')",
         "cdc_table_add('inside', 'other', 'table_owner.inside', apply_role => 'standin_owner')", "cdc_source_create('more', 'kafka')",
         "core_define('inside', 'function', connector_role => 'admin', post_function => 'table_owner.post')", "core_switch('core', 'forced_stand_in', 'why')",
         "rule_define('core', 'available_balance', 0)", "operation_define('core', 'debit')", "balance_bind('core', 'table_owner.inside', 'id', 'id')",
         "capability_define('c', 'd', 'o')", "workflow_define('w')", "instance_adopt('why')", "repair_resolve(1, 'retry', 'why')",
         "difference_settle(1, 'why')", "account_list_add('core', 'block', '1', 'why')", "account_list_remove('core', 'block', '1', 'why')",
         "rule_create('core', 'block_list')", "rule_alter('core', 'block_list', mode => 'off')"]


def test_nothing_is_configured_from_within_a_worker(bank, kafka):
    """There is no session there that anybody could answer for: it was booked as standin_owner, and had its memberships."""
    bank.query("grant standin_admin to table_owner; create role any_role; grant any_role to table_owner with admin option")
    stream = Stream(bank, "inside", "id integer primary key")
    run(bank, "table_owner", "create table table_owner.heard (call text, sqlstate text, message text)",
        """create function table_owner.configure() returns trigger language plpgsql as $$
        declare call text;
        begin
            foreach call in array array[%s] loop
                begin
                    execute 'select standin.' || call;
                    insert into table_owner.heard values (call, 'none');
                exception when others then
                    insert into table_owner.heard values (call, sqlstate, sqlerrm);
                end;
            end loop;
            return new;
        end $$""" % ", ".join("'" + call.replace("'", "''") + "'" for call in CALLS),
        "create trigger configure after insert on table_owner.inside for each row execute function table_owner.configure()")
    try:
        stream.produce(event("c", {"id": 1}))
        stream.applied(1)
        heard = bank.query("select call, sqlstate, message from table_owner.heard")
        assert len(heard) == len(CALLS)
        assert [row for row in heard if row[1] != "42501" or "within" not in row[2]] == []
    finally:
        bank.query("revoke standin_admin from table_owner")
        stream.drop()


OBSTACLES = {
    "triggers": "create trigger look after insert on {t} for each row execute function table_owner.look_at_row(); alter table {t} enable always trigger look",
    "row security": "alter table {t} enable row level security",
    "generated columns": "alter table {t} add made integer generated always as (id + 1) stored",
    "has another owner": "grant references on {t} to server_owner; set role server_owner; create table server_owner.child (id integer references {t}); reset role",
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_foreign_keys_are_not_skipped_where_other_code_would_lose_its_own(bank, kafka, obstacle):
    name = "skip_" + obstacle.replace(" ", "_")
    run(bank, "table_owner", "create table if not exists table_owner.parent (id integer primary key)")
    stream = Stream(bank, name, "id integer primary key, parent integer references table_owner.parent", table=", foreign_keys => 'skip'")
    stream.produce(event("c", {"id": 1, "parent": 99}))
    stream.applied(1)
    bank.query(OBSTACLES[obstacle].format(t=stream.table))
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match=obstacle):
        bank.query(f"select standin.cdc_table_alter('{name}', '{stream.topic}', on_truncate => 'ignore')")
    stream.produce(event("c", {"id": 2, "parent": 99}))
    await_("an error", lambda: obstacle in stream.error())
    assert users_of(bank) == set()
    bank.query(f"select standin.cdc_table_alter('{name}', '{stream.topic}', foreign_keys => 'enforce')")
    stream.applied(2)
    assert bank.query("select sqlstate from standin.cdc_dead_letters where source = %s", [name]) == [("23503",)]
    stream.drop()
    bank.query(f"drop table {stream.table} cascade; drop table if exists server_owner.child")


@pytest.mark.parametrize("table", ["create table {t} (id integer primary key) partition by range (id)", "create table {t} (id integer)"])
def test_foreign_keys_of_tables_that_need_the_executor_are_not_skipped(bank, kafka, table):
    name = "partitioned" if "partition" in table else "keyless"
    run(bank, "table_owner", table.format(t=f"table_owner.{name}"))
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="cannot be skipped"):
        Stream(bank, name, table=", foreign_keys => 'skip'")
    bank.query("select standin.cdc_source_drop(%s)", [name])
