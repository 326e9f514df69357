"""Tables that follow their source's schema: columns added and widened in the stream, and what is refused."""

import contextlib

import psycopg2

from harness.await_ import await_
from streams import MILLIS, Stream, event, kafka  # noqa: F401
from test_cdc import revive, server_answers


def with_schema(op, row, fields, key=("id",)):
    """A key and an envelope in Connect's JSON with schema; `fields` maps a name to the rest of its schema."""
    described = [{"field": name, "optional": True, **schema} for name, schema in fields.items()]
    image = lambda name: {"type": "struct", "fields": described, "optional": True, "name": "t.Value", "field": name}
    envelope = {"type": "struct", "name": "t.Envelope", "fields": [
        image("before"), image("after"), {"type": "string", "field": "op"}, {"type": "int64", "field": "ts_ms"}]}
    keys = {"type": "struct", "name": "t.Key", "fields": [field for field in described if field["field"] in key]}
    before, after = (row, None) if op == "d" else (None, row)
    return ({"schema": keys, "payload": {name: row[name] for name in key}},
            {"schema": envelope, "payload": {"before": before, "after": after, "op": op, "ts_ms": MILLIS}})


ID = {"id": {"type": "int32"}}
TEXT = {"note": {"type": "string"}}
AMOUNT = lambda precision: {"amount": {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "version": 1,
                                       "parameters": {"scale": "2", "connect.decimal.precision": str(precision)}}}
VARCHAR = lambda length: {"name": {"type": "string", "parameters": {"__debezium.source.column.type": "VARCHAR",
                                                                    "__debezium.source.column.length": str(length)}}}


class Evolving(Stream):
    """A stream whose table has another policy than the default."""

    def __init__(self, bank, name, columns, policy, apply_role=None, **options):
        super().__init__(bank, name, columns, **options)
        bank.query("select standin.cdc_table_remove(%s, %s)", [name, self.topic])
        bank.query("select standin.cdc_table_add(%s, %s, %s, apply_role => %s, schema_evolution => %s)",
                   [name, self.topic, name, apply_role, policy])

    def columns(self):
        return self.bank.query("select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute"
                               " where attrelid = %s::regclass and attnum > 0 order by attnum", [self.name])

    def complains(self, words):
        try:
            await_(f"{self.name} to complain", lambda: words in (self.stat("detail") or ""), 60)
        except Exception:
            print(self.bank.query("select * from standin.cdc_sources where source = %s", [self.name]))
            print(self.bank.query("select application_name, wait_event_type, wait_event, state, now() - xact_start, query from pg_stat_activity"))
            print(self.bank.logs(15))
            raise


def test_new_fields_become_columns(kafka, bank):
    """In one batch: rows of the old shape, of the new one, and of the old one again."""
    stream = Evolving(bank, "adding", "id int primary key", "add")
    bank.query("select standin.cdc_pause('adding')")
    stream.produce([with_schema("c", {"id": 1}, ID),
                    with_schema("c", {"id": 2, "note": "new"}, ID | TEXT),
                    with_schema("u", {"id": 1, "note": "changed"}, ID | TEXT),
                    with_schema("c", {"id": 3, "note": None, "amount": "AfQ="}, ID | TEXT | AMOUNT(12)),
                    with_schema("c", {"id": 4}, ID),
                    with_schema("d", {"id": 2, "note": None, "amount": None}, ID | TEXT | AMOUNT(12)),
                    ({"id": 9}, "{malformed")])
    bank.query("select standin.cdc_resume('adding')")
    stream.applied(7)
    assert stream.columns() == [("id", "integer", True), ("note", "text", False), ("amount", "numeric(12,2)", False)]
    assert [(row[0], row[1], str(row[2])) for row in stream.rows()] == [(1, "changed", "None"), (3, None, "5.00"), (4, None, "None")]
    assert [letter[0] for letter in stream.dead_letters()] == [6]
    assert bank.value("select col_description('adding'::regclass, 3)") == (
        'added by pg_standin for field "amount" (org.apache.kafka.connect.data.Decimal) of topic adding.topic')
    assert stream.stat("unknown_fields") == 0 and stream.stat("inserts") == 4
    stream.drop()


def test_columns_are_widened_where_that_needs_no_rewrite(kafka, bank):
    stream = Evolving(bank, "widening", "id int primary key, name varchar(3), amount numeric(4,2)", "add")
    place = lambda: bank.value("select pg_relation_filenode('widening')")
    stream.produce([with_schema("c", {"id": 1, "name": "abc", "amount": "AfQ="}, ID | VARCHAR(3) | AMOUNT(4))])
    stream.applied(1)
    before = place()
    stream.produce([with_schema("c", {"id": 2, "name": "abcdef", "amount": "D0JA"}, ID | VARCHAR(10) | AMOUNT(8))])
    stream.applied(2)
    assert stream.columns() == [("id", "integer", True), ("name", "character varying(10)", False), ("amount", "numeric(8,2)", False)]
    assert [(row[0], row[1], str(row[2])) for row in stream.rows()] == [(1, "abc", "5.00"), (2, "abcdef", "10000.00")]
    assert place() == before and stream.dead_letters() == []
    # A schema that says less than the column leaves it; a value beyond what any schema says is a dead letter.
    stream.produce([with_schema("c", {"id": 3, "name": "x" * 11, "amount": None}, ID | VARCHAR(5) | AMOUNT(4))])
    stream.applied(3)
    assert [letter[:2] for letter in stream.dead_letters()] == [(2, "22001")]
    stream.drop()


def die_with_the_column(stream, first, second):
    """The writers of a row, and of one with the new field `note`: the column and the row are one transaction, before and after a kill -9."""
    bank = stream.bank
    bank.service.configure(track_commit_timestamp="on")
    bank.service.restart()
    first()
    stream.applied(1)
    pid = stream.pid()
    bank.query("delete from standin_private.worker_mark; select standin_private.crash_point_arm('cdc_before_commit')")
    second()
    await_("the crash", lambda: not server_answers(bank) or stream.pid() not in (None, pid), 60)
    revive(bank)
    stream.applied(2)
    assert stream.rows() == [(1, None), (2, "new")]
    assert bank.value("select count(*) from standin.cdc_dead_letters where source = %s", [stream.name]) == 0
    assert bank.value(f"select pg_xact_commit_timestamp(a.xmin) = pg_xact_commit_timestamp(t.xmin) from {stream.name} t, pg_attribute a"
                      " where a.attrelid = %s::regclass and a.attname = 'note' and t.id = 2", [stream.name])
    stream.drop()


def test_a_crash_between_the_column_and_the_commit(kafka, bank):
    stream = Evolving(bank, "torn", "id int primary key", "add")
    die_with_the_column(stream, lambda: stream.produce([with_schema("c", {"id": 1}, ID)]),
                        lambda: stream.produce([with_schema("c", {"id": 2, "note": "new"}, ID | TEXT)]))


def test_several_workers_add_a_column_at_once(kafka, bank):
    stream = Evolving(bank, "crowded", "id int primary key", "add", partitions=6, workers=3, batch_records=20)
    for number, fields in enumerate([ID, ID | TEXT, ID | TEXT | AMOUNT(12)]):
        for partition in range(6):
            ids = range(1000 * number + partition, 1000 * number + 300, 6)
            row = lambda i: {name: {"id": i, "note": f"n{i}", "amount": "AfQ="}[name] for name in fields}
            stream.produce([with_schema("c", row(i), fields) for i in ids], partition)
    stream.applied(900, 120)
    assert [name for name, *_ in stream.columns()] == ["id", "note", "amount"] and stream.dead_letters() == []
    assert bank.query("select count(*), count(note), count(amount) from crowded") == [(900, 600, 300)]
    assert bank.value("select count(*) from crowded where note <> 'n' || id or amount <> 5") == 0
    stream.drop()


def test_fail_waits_for_the_operator(kafka, bank):
    stream = Evolving(bank, "failing", "id int primary key", "fail")
    stream.produce([event("c", {"id": 1})])
    stream.applied(1)
    stream.produce([event("c", {"id": 2, "note": "new"})])
    stream.complains('table public.failing has no column for field "note"')
    assert stream.state() == "retrying" and stream.stat("error_sqlstate") == "55000"
    assert stream.dead_letters() == [] and stream.stat("next_offset") == 1
    bank.query("alter table failing add note text")
    stream.applied(2)
    assert stream.rows() == [(1, None), (2, "new")]
    stream.drop()


def test_without_a_schema_nothing_is_guessed(kafka, bank):
    stream = Evolving(bank, "guessing", "id int primary key", "add")
    stream.produce([event("c", {"id": 1, "note": "new"})])
    stream.complains("events without a schema do not say of which type")
    assert stream.columns() == [("id", "integer", True)] and stream.dead_letters() == []
    bank.query("alter table guessing add note varchar(10)")
    stream.applied(1)
    assert stream.rows() == [(1, "new")]
    stream.drop()


def test_only_the_owner_changes_its_table(kafka, bank):
    bank.query("create role writer")
    stream = Evolving(bank, "foreign_role", "id int primary key", "add", apply_role="replica")
    bank.query("select standin.cdc_source_drop('foreign_role'); drop table foreign_role; create table foreign_role (id int primary key);"
               "alter table foreign_role owner to writer; grant usage on schema public to writer;"
               "grant select, insert, update, delete on foreign_role to replica;"
               "select standin.cdc_source_create('foreign_role', 'kafka');"
               "select standin.cdc_table_add('foreign_role', 'foreign_role.topic', 'foreign_role', apply_role => 'replica', schema_evolution => 'add')")
    stream.produce([with_schema("c", {"id": 1, "note": "x"}, ID | TEXT)])
    stream.complains("applied by a role that does not own it")
    bank.query("grant writer to replica")
    stream.applied(1)
    assert stream.columns()[1][:2] == ("note", "text")
    stream.drop()


def test_a_reader_holds_up_neither_the_stream_nor_readers_behind_it(kafka, bank):
    """A long transaction that reads the table: the change of its columns gives up soon and comes back; nobody queues."""
    stream = Evolving(bank, "busy", "id int primary key", "add")
    stream.produce([with_schema("c", {"id": 1}, ID)])
    stream.applied(1)
    with contextlib.closing(psycopg2.connect(bank.service.dsn("bank"))) as reader, contextlib.closing(psycopg2.connect(bank.service.dsn("bank"))) as other:
        reader.cursor().execute("select * from busy")
        stream.produce([with_schema("c", {"id": 2, "note": "x"}, ID | TEXT)])
        stream.complains("lock timeout")
        assert stream.stat("next_offset") == 1
        other.cursor().execute("set statement_timeout = '20s'; select * from busy")
        other.rollback()
        reader.rollback()
        stream.applied(2)
    assert stream.rows() == [(1, None), (2, "x")]
    stream.drop()


def test_hostile_names(kafka, bank):
    stream = Evolving(bank, "hostile", "id int primary key", "add")
    hostile = 'x" int); drop table hostile; --'
    stream.produce([with_schema("c", {"id": 1, hostile: "v"}, ID | {hostile: {"type": "string"}})])
    stream.applied(1)
    assert stream.columns()[1][:2] == (hostile, "text") and stream.rows() == [(1, "v")]
    stream.produce([with_schema("c", {"id": 2, "y" * 64: "v"}, ID | {"y" * 64: {"type": "string"}})])
    stream.applied(2)
    assert stream.rows() == [(1, "v"), (2, None)] and stream.stat("unknown_fields") == 1
    stream.drop()


def planned(bank, name, **options):
    bank.kafka.topic_create(f"{name}.topic")
    bank.query(f"select standin.cdc_source_create('{name}', 'kafka')")
    words = "".join(f", {key} => {value}" for key, value in options.items())
    bank.query(f"select standin.cdc_table_create('{name}', '{name}.topic', 'public.{name}', 'replica'{words})")
    stream = Evolving.__new__(Evolving)
    stream.bank, stream.name, stream.topic = bank, name, f"{name}.topic"
    return stream


def test_a_table_is_created_by_its_first_event(kafka, bank):
    """With key, comments and owner; a composite key in another order than the columns; later fields are added."""
    stream = planned(bank, "created")
    assert bank.query("select target, owner from standin.cdc_tables_planned") == [("public.created", "replica")]
    fields = {"note": {"type": "string"}, "region": {"type": "string"}, "id": {"type": "int64"}}
    stream.produce([({"id": 0, "region": "x"}, None),
                    with_schema("c", {"note": "first", "region": "x", "id": 1}, fields, key=("region", "id")),
                    with_schema("c", {"note": "second", "region": "y", "id": 1}, fields, key=("region", "id")),
                    with_schema("u", {"note": "changed", "region": "x", "id": 1, "amount": "AfQ="}, fields | AMOUNT(10), key=("region", "id"))])
    stream.applied(4)
    assert [(row[:3], str(row[3])) for row in stream.rows("region")] == [(("changed", "x", 1), "5.00"), (("second", "y", 1), "None")]
    assert stream.columns() == [("note", "text", False), ("region", "text", True), ("id", "bigint", True), ("amount", "numeric(10,2)", False)]
    assert bank.value("select tableowner from pg_tables where tablename = 'created'") == "replica"
    assert bank.value("select obj_description('created'::regclass)") == "made by pg_standin for topic created.topic"
    assert bank.value("select col_description('created'::regclass, 3)") == 'added by pg_standin for field "id" (int64) of topic created.topic'
    assert bank.query("select * from standin.cdc_tables_planned") == []
    assert bank.query("select target::text, apply_role, schema_evolution from standin.cdc_tables where source = 'created'") == [("created", "replica", "add")]
    assert stream.dead_letters() == []
    stream.produce([with_schema("d", {"note": None, "region": "y", "id": 1}, fields, key=("region", "id"))])
    stream.applied(5)
    assert len(stream.rows("region")) == 1
    stream.drop()


def test_a_table_is_not_created_without_a_schema(kafka, bank):
    stream = planned(bank, "uncreated")
    stream.produce([event("c", {"id": 1})])
    await_("the complaint", lambda: "carry no schema" in (bank.value("select detail from standin.cdc_sources where source = 'uncreated'") or ""), 60)
    # A table made by hand under that name is taken, if its rights allow.
    bank.query("create table uncreated (id int primary key); alter table uncreated owner to replica")
    await_("the row", lambda: bank.query("select id from uncreated") == [(1,)], 60)
    bank.query("select standin.cdc_table_remove('uncreated', 'uncreated.topic')")
    stream.drop()


def test_what_cannot_be_planned(kafka, bank):
    bank.query("select standin.cdc_source_create('planning', 'kafka'); create role stranger; create schema closed")
    for words, state in [("'nowhere', 't', 'public.t1', 'replica'", "42704"), ("'planning', 't', 't1', 'replica'", "42602"),
                         ("'planning', '^t', 'public.t1', 'replica'", "42602"), ("'planning', 't', 'nowhere.t1', 'replica'", "3F000"),
                         ("'planning', 't', 'public.t1', 'nobody'", "42704"), ("'planning', 't', 'public.t1', 'postgres'", "42501"),
                         ("'planning', 't', 'closed.t1', 'stranger'", "42501"), ("'planning', 't', 'standin.t1', 'replica'", "3F000"),
                         ("'planning', 't', 'public.t1', 'replica', on_truncate => 'no'", "22023")]:
        try:
            bank.query(f"select standin.cdc_table_create({words})")
            raise AssertionError(words)
        except psycopg2.Error as error:
            assert error.pgcode == state, (words, error)
    bank.query("select standin.cdc_source_drop('planning')")


def table_change(name, columns, key=("id",), comment=None, kind="ALTER"):
    """As MySQL's connector describes a table; `columns` maps a name to its type's name, length, scale and comment."""
    described = [{"name": column, "jdbcType": 0, "nativeType": None, "typeName": of[0], "typeExpression": of[0], "charsetName": None,
                  "length": of[1], "scale": of[2], "position": at, "optional": column not in key, "autoIncremented": False, "generated": False,
                  "comment": of[3], "defaultValueExpression": None, "enumValues": None} for at, (column, of) in enumerate(columns.items(), 1)]
    table = {"defaultCharsetName": "utf8mb4", "primaryKeyColumnNames": list(key), "columns": described, "comment": comment}
    return {"databaseName": "bank"}, {
        "source": {"version": "3.6.1.Final", "connector": "mysql", "name": name, "db": "bank", "table": name}, "ts_ms": MILLIS, "databaseName": "bank",
        "schemaName": None, "ddl": f"alter table {name} ...", "tableChanges": [{"type": kind, "id": f'"bank"."{name}"', "table": table}]}


def described(bank, name, server="kafka", **options):
    """A planned table whose source has a schema change topic."""
    for topic, partitions in [(name, 1), (f"{name}.bank.{name}", 3)]:
        bank.kafka.topic_create(topic, partitions)
    words = "".join(f", {key} => {value}" for key, value in options.items())
    bank.query(f"select standin.cdc_source_create('{name}', '{server}', schema_topic => '{name}'{words})")
    bank.query(f"select standin.cdc_table_create('{name}', '{name}.bank.{name}', 'public.{name}', 'replica')")
    stream = Evolving.__new__(Evolving)
    stream.bank, stream.name, stream.topic = bank, name, f"{name}.bank.{name}"
    return stream


COLUMNS = {"id": ("INT", None, None, "of the account"), "name": ("VARCHAR", 20, None, None), "amount": ("DECIMAL", 10, 2, None)}


def test_a_table_is_created_as_its_source_describes_it(kafka, bank):
    """Rows without a schema come before the description, and after it; a field that is added waits for its own."""
    stream = described(bank, "told", workers=2, conflict_timeout="'1 minute'")
    rows = [event("c", {"id": i, "name": f"n{i}", "amount": "AfQ="}) for i in range(50)]
    stream.produce(rows[:30])
    waits = lambda what: await_(what, lambda: bank.value("select state from standin.cdc_sources where source = 'told' and detail like %s", [f"%{what}%"]) == "waiting", 60)
    waits("carry no schema")
    assert bank.value("select to_regclass('told')") is None
    kafka.produce("told", [table_change("other", COLUMNS), table_change("told", COLUMNS, comment="of a bank")])
    stream.produce(rows[30:])
    await_("the table", lambda: bank.value("select to_regclass('told')") is not None, 60)
    await_("the rows", lambda: bank.value("select count(*) from told") == 50, 60)
    assert stream.columns() == [("id", "integer", True), ("name", "character varying(20)", False), ("amount", "numeric(10,2)", False)]
    assert bank.query("select obj_description('told'::regclass), col_description('told'::regclass, 1), col_description('told'::regclass, 2)") == [
        ("of a bank", "of the account", f"added by pg_standin for field \"name\" (VARCHAR) of topic {stream.topic}")]
    assert bank.value("select count(*) from told where amount <> 5 or name <> 'n' || id") == 0
    stream.produce([event("u", {"id": 1, "name": "n1", "amount": "AfQ=", "born": 20000})])
    waits("no column for field")
    kafka.produce("told", [table_change("told", COLUMNS | {"born": ("DATE", None, None, None)})])
    await_("the column", lambda: [column[:2] for column in stream.columns()][3:] == [("born", "date")], 60)
    await_("the row", lambda: bank.value("select born::text from told where id = 1") == "2024-10-04", 60)
    assert stream.dead_letters() == []
    stream.drop()


def test_a_description_may_come_late(kafka, bank):
    """After conflict_timeout the source says what is lacking, and goes on by itself once it is there."""
    stream = described(bank, "tardy", conflict_timeout="'100 milliseconds'", batch_records=10)
    stream.produce([event("c", {"id": i, "name": "n", "amount": None}) for i in range(100)])
    await_("the complaint", lambda: bank.query("select state, error_sqlstate from standin.cdc_sources where source = 'tardy'") == [("retrying", "55000")], 60)
    kafka.produce("tardy", [table_change("tardy", COLUMNS, kind="CREATE")])
    await_("the rows", lambda: bank.value("select to_regclass('tardy')") and bank.value("select count(*) from tardy") == 100, 120)
    assert stream.dead_letters() == []
    stream.drop()


def test_a_type_that_changed_is_not_guessed(kafka, bank):
    """A decimal without a schema does not say its scale: of rows from before and after a change of it one kind would be read wrong."""
    stream = described(bank, "altered")
    changed = COLUMNS | {"name": ("VARCHAR", 40, None, None), "amount": ("DECIMAL", 12, 4, None)}
    dropped = {"source": {"connector": "mysql"}, "ts_ms": MILLIS, "databaseName": "bank", "ddl": "drop table altered",
               "tableChanges": [{"type": "DROP", "id": '"bank"."altered"', "table": None}]}
    kafka.produce("altered", [table_change("altered", COLUMNS), ({"databaseName": "bank"}, dropped), table_change("altered", changed)])
    await_("the descriptions", lambda: bank.value("select altered from standin_private.cdc_source_table where source = 'altered'") == ["amount"], 60)
    stream.produce([event("c", {"id": 1, "name": "n", "amount": "AfQ="})])
    await_("the complaint", lambda: "changed the type of column \"amount\"" in
           (bank.value("select last_error from standin.cdc_sources where source = 'altered'") or ""), 60)
    bank.query("create table altered (id int primary key, name text, amount numeric(10,2)); alter table altered owner to replica")
    await_("the row", lambda: bank.query("select id, amount::text from altered") == [(1, "5.00")], 60)
    assert stream.dead_letters() == []
    stream.drop()


def test_schema_topics_are_for_eventual_sources(kafka, bank):
    for words, state in [("schema_topic => 'a b'", "22023"), ("schema_topic => 'a', consistency => 'transaction', transaction_topic => 'b'", "22023")]:
        try:
            bank.query(f"select standin.cdc_source_create('odd', 'kafka', {words})")
            raise AssertionError(words)
        except psycopg2.Error as error:
            assert error.pgcode == state, (words, error)
