"""A real Debezium PostgreSQL source of every type, in twelve connectors: every time mode with and without schema, the other modes
and forms spread over them; all in one Connect. Targets equal the source, but for what everything.lost names."""

import dataclasses

import pytest

import everything
from harness.await_ import await_
from harness.connect import JSON, ConnectWorker, debezium
from streams import kafka  # noqa: F401

TIMES = ("adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds")
DECIMALS = ("precise", "string", "double")
BINARIES = ("bytes", "base64", "base64-url-safe", "hex")
DELETES = ("tombstone", "rewrite", "rewrite-with-tombstone")
TABLES = ("everything", "composite", "emptied", "keyless", "evolving")


@dataclasses.dataclass
class Modes:
    """One connector: its options, and those of the source that reads it."""

    number: int
    schemas: bool

    def __post_init__(self):
        number, schemas = self.number, int(self.schemas)
        self.name = f"c{number}{'s' if schemas else ''}"
        self.flat = (number + schemas) % 2 == 1
        self.time, self.decimal = TIMES[number], DECIMALS[(number + 2 * schemas + number // 3) % 3]
        self.binary = BINARIES[(number + schemas) % 4]
        self.interval = ("numeric", "string")[(number // 2 + schemas) % 2]
        self.hstore = ("json", "map")[(number // 3 + schemas) % 2]
        self.deletes = DELETES[number // 2 % 3]

    def connector(self, core):
        flat = {"transforms": "flat", "transforms.flat.type": "io.debezium.transforms.ExtractNewRecordState",
                "transforms.flat.delete.tombstone.handling.mode": self.deletes, "transforms.flat.replace.null.with.default": False} if self.flat else {}
        return debezium(core, self.name, **{
            "slot.name": self.name, "table.include.list": r"public\.(" + "|".join(TABLES) + ")", "provide.transaction.metadata": False,
            "time.precision.mode": self.time, "decimal.handling.mode": self.decimal, "binary.handling.mode": self.binary,
            "interval.handling.mode": self.interval, "hstore.handling.mode": self.hstore, "heartbeat.interval.ms": 0,
            "key.converter": JSON, "value.converter": JSON, "key.converter.schemas.enable": self.schemas,
            "value.converter.schemas.enable": self.schemas, "value.converter.replace.null.with.default": False, **flat})

    def options(self):
        return (f"time_precision_mode => '{self.time}', decimal_handling_mode => '{self.decimal}', binary_handling_mode => '{self.binary}', "
                f"interval_handling_mode => '{self.interval}', message_format => '{'flattened' if self.flat else 'envelope'}'")


MODES = [Modes(number, schemas) for number in range(6) for schemas in (False, True)]
SETUP = f"""
create extension hstore; create extension ltree; create extension citext;
{everything.TYPES};
"""
DDL = {"everything": ", ".join(f"{name} {kind}" for name, kind in everything.COLUMNS.items()),
       "composite": "a int, b text, v numeric, big text, primary key (a, b)",
       "emptied": "id int primary key, v int",
       "keyless": "a int, b text, v numeric(10,2)",
       "evolving": "id int primary key, dropped int, widened int, kept text"}


@pytest.fixture(scope="module")
def streams(kafka, bank):
    """Source with its first rows, connectors and targets."""
    core = bank.start_core(settings={"max_wal_senders": "20", "max_replication_slots": "20"})
    core.query(SETUP + "".join(f"create table {table} ({columns});" for table, columns in DDL.items())
               + "alter table keyless replica identity full; alter publication debezium set table " + ", ".join(TABLES)
               + "; grant select on all tables in schema public to debezium")
    for statement in everything.insert("everything"):
        core.query(statement)
    core.query("insert into composite values (1, 'x', 1.5, null), (2, 'y', 2, repeat('z', 10000)); insert into emptied select i, i from generate_series(1, 5) i;"
               "insert into keyless values (1, 'x', 1), (1, 'x', 1), (2, null, 2); insert into evolving values (1, 1, 1, 'one')")
    bank.query(SETUP)
    for modes in MODES:
        bank.query(f"create schema {modes.name}; grant usage, create on schema {modes.name} to replica")
        bank.query(f"select standin.cdc_source_create('{modes.name}', 'kafka', {modes.options()})")
        for table, columns in DDL.items():
            if table == "keyless" and modes.flat:
                continue  # a flattened record does not carry the row before
            bank.query(f"create table {modes.name}.{table} ({columns}); alter table {modes.name}.{table} owner to replica")
            more = ", on_truncate => 'apply'" if table == "emptied" else ", schema_evolution => 'add'" if table == "evolving" else ""
            bank.query(f"select standin.cdc_table_add('{modes.name}', '{modes.name}.public.{table}', '{modes.name}.{table}'{more})")
    connect = ConnectWorker(bank.directory, kafka, {modes.name: modes.connector(core) for modes in MODES}).create()
    yield connect
    connect.stop()


def contents(query, table, expressions):
    """{id: {column: text}}"""
    columns = [column for column in everything.COLUMNS if column != "id"]
    texts = (expressions.get(column, f"{column}::text") for column in columns)
    return {row[0]: dict(zip(columns, row[1:])) for row in query(f"set timezone = 'UTC'; select id, {', '.join(texts)} from {table}")}


def differences(bank, modes):
    """{(row, column): (source, target)}, without what the source itself loses."""
    source = contents(bank.core.query, "everything", everything.expressions(modes))
    target = contents(bank.query, f"{modes.name}.everything", everything.UTC)
    found = {}
    for key in source.keys() | target.keys():
        lost = everything.lost(modes, key % 100, key > 100)
        if key not in target or key not in source:
            if not (key in source and lost.get("row") == [everything.DEAD] and dead(bank, modes, key)):
                found[key, "row"] = ("is there" if key in source else "is not", dead(bank, modes, key))
            continue
        for column, value in source[key].items():
            if value != target[key][column] and not (column in lost and everything.may_be(lost[column], value, target[key][column])):
                found[key, column] = (value and value[:80], target[key][column] and target[key][column][:80])
    return found


def dead(bank, modes, key):
    return bank.query("select sqlstate, column_name, error from standin.cdc_dead_letters where source = %s and topic = %s and convert_from(key, 'UTF8') ~ %s",
                      [modes.name, f"{modes.name}.public.everything", f'"id":{key}}}'])


def settled(bank, modes, table="everything"):
    """All records that are in the topic now are applied."""
    topic = f"{modes.name}.public.{table}"
    end = bank.kafka.end(topic)
    await_(f"{modes.name}: {end} records of {table}", lambda: bank.value("select next_offset from standin.stat_cdc where source = %s and topic = %s",
                                                                      [modes.name, topic]) >= end, 120)


def names(modes):
    return modes.name


def test_snapshot_and_stream(streams, bank):
    """Every row twice: once read by the snapshot, once by the stream."""
    for modes in MODES:
        await_(f"{modes.name}'s snapshot", lambda m=modes: bank.kafka.end(f"{m.name}.public.everything") >= len(everything.ROWS), 120)
    for statement in everything.insert("everything", 100):
        bank.core.query(statement)
    for modes in MODES:
        await_(f"{modes.name}'s stream", lambda m=modes: bank.kafka.end(f"{m.name}.public.everything") >= 2 * len(everything.ROWS), 120)
        settled(bank, modes)


@pytest.mark.parametrize("modes", MODES, ids=names)
def test_equal(streams, bank, modes):
    assert differences(bank, modes) == {}


def test_untouched_toast_and_changed_keys(streams, bank):
    """What Debezium withholds stays what it was, for updates and for rows that get another key."""
    bank.core.query("update everything set i4 = 7, t = 'updated' where id in (101, 102, 103); update everything set id = 201 where id = 101;"
                    "update everything set id = 1001, big_t = 'short' where id = 1; update everything set id = 1 where id = 1001;"
                    "delete from everything where id in (3, 104); insert into everything (id, i4) values (104, 5);"
                    "update composite set v = v + 1; update composite set b = 'yy' where a = 2; delete from composite where a = 1")
    for modes in MODES:
        target = f"{modes.name}.everything"
        await_(f"{modes.name} to be equal", lambda: bank.query(f"select id, i4, big_t, big_y, big_j, big_at, big_ai from {target} where id in (1, 3, 101, 104, 201) order by 1")
               == bank.core.query("select id, i4, big_t, big_y, big_j, big_at, big_ai from everything where id in (1, 3, 101, 104, 201) order by 1"), 60)
        await_(f"{modes.name}.composite", lambda: bank.query(f"select a, b, v::float8, big from {modes.name}.composite order by 1")
               == bank.core.query("select a, b, v::float8, big from composite order by 1"), 60)


def test_a_table_without_a_key(streams, bank):
    bank.core.query("delete from keyless where ctid = (select min(ctid) from keyless where a = 1); update keyless set v = 3 where a = 2; insert into keyless values (3, 'z', null)")
    for modes in (modes for modes in MODES if not modes.flat):
        await_(f"{modes.name}.keyless", lambda: bank.query(f"select * from {modes.name}.keyless order by a, b, v") == bank.core.query("select * from keyless order by a, b, v"), 60)


def test_truncate(streams, bank):
    """Flattened topics do not tell of it: that the rows stay there is the source's doing."""
    bank.core.query("truncate emptied; insert into emptied values (9, 9)")
    for modes in MODES:
        kept = [(i, i) for i in range(1, 6)] if modes.flat else []
        await_(f"{modes.name}.emptied", lambda: bank.query(f"select * from {modes.name}.emptied order by 1") == [*kept, (9, 9)], 60)


def test_columns_that_come_and_go(streams, bank):
    """With schema_evolution => 'add': a new column is added (without a schema nobody knows its type: as text), a wider one is widened, a dropped one stays."""
    bank.core.query("alter table evolving add added int default 5; insert into evolving values (2, 2, 2, 'two', 6);"
                    "alter table evolving alter widened type bigint; insert into evolving values (3, 3, 3000000000, 'three', 7);"
                    "alter table evolving drop dropped; insert into evolving values (4, 4, 'four', 8)")
    for modes in MODES:
        expected = [(1, 1, 1, "one", None), (2, 2, 2, "two", "6"), (3, 3, 3000000000, "three", "7"), (4, None, 4, "four", "8")]
        if not modes.schemas:  # 3,000,000,000 is no integer, and no schema says that it should be more
            expected[2:3] = []
        try:
            await_(f"{modes.name}.evolving", lambda: bank.query(f"select id, dropped, widened, kept, added::text from {modes.name}.evolving order by 1") == expected, 30)
        except Exception:
            print(modes, bank.query(f"select * from {modes.name}.evolving"), bank.query("select topic, error from standin.cdc_dead_letters where source = %s and topic ~ 'evolving'", [modes.name]))
            raise
