"""Change capture against a real Kafka: poison, crashes at named points, pause, seek, outages, transactions of Kafka, tables
that need SQL; and against a real Debezium: every scalar type, with and without schema."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import psycopg2
import pytest

from harness.await_ import await_
from harness.ports import free_port

BUILD = pathlib.Path(os.environ.get("PG_STANDIN_STAGE", pathlib.Path(__file__).parents[2] / "build/debug/stage")).parent
PRODUCER = BUILD / "test/integration/transactional_producer"
MILLIS = 1732400000000


@pytest.fixture(scope="module")
def kafka(bank):
    bank.start_kafka()
    bank.start_service()
    bank.query("create role replica nologin; grant usage, create on schema public to replica")
    bank.query('create server kafka foreign data wrapper standin_kafka options ("bootstrap.servers" %s)', [bank.kafka.brokers])
    return bank.kafka


class Stream:
    """One topic into one table, in a source of its own."""

    def __init__(self, bank, name, columns, partitions=1, **options):
        self.bank, self.name, self.topic = bank, name, f"{name}.topic"
        bank.kafka.topic_create(self.topic, partitions)
        if columns:
            bank.query(f"create table {name} ({columns}); alter table {name} owner to replica")
        words = "".join(f", {key} => {value}" for key, value in options.items())
        bank.query(f"select standin.cdc_source_create(%s, 'kafka'{words})", [name])
        bank.query("select standin.cdc_table_add(%s, %s, %s)", [name, self.topic, name])

    def produce(self, events, partition=None):
        self.bank.kafka.produce(self.topic, events, partition)

    def stat(self, what):
        return self.bank.value(f"select {what} from standin.stat_cdc where source = %s", [self.name])

    def state(self):
        return self.bank.value("select state from standin.cdc_sources where source = %s", [self.name])

    def pid(self):
        return self.bank.value("select pid from standin.cdc_sources where source = %s and state = 'running'", [self.name])

    def rows(self, order="id"):
        return self.bank.query(f"select * from {self.name} order by {order}")

    def dead_letters(self):
        return self.bank.query("select record_offset, sqlstate, column_name, convert_from(value, 'UTF8') from standin.cdc_dead_letters"
                               " where source = %s order by record_offset", [self.name])

    def applied(self, offset, timeout=60):
        """Until all records before the offset are applied."""
        try:
            await_(f"{self.name} to reach offset {offset}", lambda: self.stat("sum(next_offset)") == offset, timeout)
        except Exception:
            print(self.bank.query("select * from standin.stat_cdc where source = %s", [self.name]))
            raise

    def drop(self):
        self.bank.query("select standin.cdc_source_drop(%s)", [self.name])


def event(op, row=None, key="id"):
    """A key and Debezium's envelope, without schema."""
    before, after = (row, None) if op == "d" else (None, row)
    source = {"version": "3.6.1.Final", "connector": "postgresql", "ts_ms": MILLIS, "snapshot": "false", "lsn": 1}
    return {key: row[key]}, {"before": before, "after": after, "source": source, "op": op, "ts_ms": MILLIS + 5}


def test_operations_and_poison(kafka, bank):
    stream = Stream(bank, "poison", "id int primary key, amount numeric(10,2), note varchar(5) not null")
    stream.produce([
        event("r", {"id": 1, "amount": 1.5, "note": "a"}),
        event("c", {"id": 2, "amount": 2, "note": "b"}),
        ({"id": 9}, "{malformed"),
        event("c", {"id": 3, "amount": 3, "note": "too long"}),
        event("c", {"id": 4, "amount": 123456789, "note": "x"}),
        event("c", {"id": 5, "amount": 1, "note": None}),
        event("u", {"id": 2, "amount": -2.5, "note": "bb"}),
        event("d", {"id": 1}),
        ({"id": 1}, None),
        ({"id": 9}, {"source": {}, "op": "t", "ts_ms": MILLIS}),
        event("c", {"id": 6, "amount": None, "note": "é\n\"", "unknown": [1, {}]}),
    ])
    stream.applied(11)
    assert [(row[0], str(row[1]), row[2]) for row in stream.rows()] == [(2, "-2.50", "bb"), (6, "None", "é\n\"")]
    letters = stream.dead_letters()
    assert [letter[:3] for letter in letters] == [
        (2, "22P02", None), (3, "22001", None), (4, "22003", None), (5, "23502", "note"), (9, "22023", None)]
    assert letters[0][3] == "{malformed"
    assert json.loads(letters[1][3])["after"]["note"] == "too long"
    assert bank.query("select reads, inserts, updates, deletes, ignored, unknown_fields, dead_letters from standin.stat_cdc"
                      " where source = 'poison'") == [(1, 5, 1, 1, 1, 1, 5)]
    # A batch of its own that is poison only, and the stream still goes on.
    stream.produce([({"id": 9}, "[]")])
    stream.applied(12)
    stream.produce([event("c", {"id": 7, "amount": 7, "note": "g"})])
    stream.applied(13)
    assert stream.stat("lag_messages") == 0 and stream.stat("lag_seconds") == 0 and stream.stat("state") == "running"
    stream.drop()


def mixed(seed, count, keys):
    """Random events and what they amount to."""
    dice, state, events = random.Random(seed), {}, []
    for number in range(count):
        key = dice.randrange(keys)
        if key in state and dice.random() < 0.2:
            del state[key]
            events.append(event("d", {"id": key}))
            events.append(({"id": key}, None))
        else:
            state[key] = number
            events.append(event("u" if dice.random() < 0.5 else "c", {"id": key, "v": number, "filler": "x" * dice.randrange(200)}))
    return events, sorted(state.items())


def server_answers(bank):
    with contextlib.suppress(psycopg2.OperationalError):
        return bank.value("select true")
    return False


def revive(bank):
    """Until the server is back; nobody is suspected, for a kill -9 was meant."""
    await_("the server to come back", lambda: server_answers(bank), 60)
    bank.query("delete from standin_private.worker_mark")


@pytest.mark.parametrize("point", ["cdc_before_apply", "cdc_after_apply", "cdc_before_commit", "cdc_after_commit"])
def test_crash_points(kafka, bank, point):
    """kill -9 of the worker (and so a crash restart of the server) at each point: nothing lost, nothing twice."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    stream = Stream(bank, point, "id int primary key, v int, filler text", batch_records=700)
    events, expected = mixed(seed, 5000, 1500)
    stream.produce(events[:100])
    stream.applied(100)
    started = bank.value("select pg_postmaster_start_time()")
    pid = stream.pid()
    bank.query("delete from standin_private.worker_mark")
    bank.query("select standin_private.crash_point_arm(%s, 2)", [point])
    stream.produce(events[100:])
    await_("the crash", lambda: not server_answers(bank) or stream.pid() != pid, 60)

    def recovered():
        revive(bank)
        return stream.stat("next_offset") == len(events)
    await_("the rest to be applied", recovered, 120, 0.3)
    assert [(row[0], row[1]) for row in stream.rows()] == expected
    # Counted in the applying transactions: each record was applied once.
    assert stream.stat("reads + inserts + updates + deletes + ignored + dead_letters") == len(events)
    assert stream.stat("dead_letters") == 0
    assert bank.value("select pg_postmaster_start_time()") == started
    stream.drop()


def test_server_killed_while_applying(kafka, bank):
    stream = Stream(bank, "killed", "id int primary key, v int, filler text", batch_records=500)
    events, expected = mixed(4711, 20000, 3000)
    stream.produce(events)
    for _ in range(2):
        await_("some progress", lambda: (stream.stat("next_offset") or 0) > 0, 60)
        bank.service.kill9()
        bank.service.start()
        revive(bank)

    def recovered():
        bank.query("delete from standin_private.worker_mark")
        return stream.stat("next_offset") == len(events)
    await_("the rest to be applied", recovered, 120, 0.3)
    assert [(row[0], row[1]) for row in stream.rows()] == expected
    assert stream.stat("reads + inserts + updates + deletes + ignored") == len(events)
    stream.drop()


def test_pause_resume_and_seek(kafka, bank):
    stream = Stream(bank, "paused", "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    bank.query("select standin.cdc_pause('paused', 'for the test')")
    await_("the pause", lambda: stream.state() == "paused", 10)
    stream.produce([event("c", {"id": 2, "v": 2})])
    # Nothing may happen: another source, started later, does its work meanwhile.
    other = Stream(bank, "meanwhile", "id int primary key, v int")
    other.produce([event("c", {"id": 1, "v": 1})])
    other.applied(1)
    other.drop()
    assert len(stream.rows()) == 1
    assert bank.value("select detail from standin.cdc_sources where source = 'paused'") == "for the test"
    bank.query("select standin.cdc_resume('paused')")
    stream.applied(2)
    assert len(stream.rows()) == 2
    bank.query("delete from paused; select standin.cdc_seek('paused', 'paused.topic', 0, 1)")
    await_("the second record again", lambda: stream.rows() == [(2, 2)], 30)
    bank.query("select standin.cdc_seek('paused', 'paused.topic', 0, 0)")
    await_("all from the beginning", lambda: len(stream.rows()) == 2 and stream.stat("next_offset") == 2, 30)
    # Past the end: an error that says so, no silent reset; the operator goes on elsewhere.
    bank.query("select standin.cdc_seek('paused', 'paused.topic', 0, 1000)")
    await_("the complaint", lambda: "offset 1000 of partition 0" in (stream.stat("detail") or ""), 30)
    bank.query("select standin.cdc_seek('paused', 'paused.topic', 0, 2)")
    stream.produce([event("c", {"id": 3, "v": 3})])
    stream.applied(3)
    assert stream.state() == "running" and len(stream.rows()) == 3
    stream.drop()


def test_wrong_broker_address(kafka, bank):
    """Said in the view; a stop is obeyed within a second; the server stays up; a mended address mends the source."""
    bank.query('create server nowhere foreign data wrapper standin_kafka options ("bootstrap.servers" %s)', [f"127.0.0.1:{free_port()}"])
    bank.query("create table nowhere (id int primary key, v int); alter table nowhere owner to replica")
    bank.query("select standin.cdc_source_create('nowhere', 'nowhere')")
    bank.query("select standin.cdc_table_add('nowhere', 'nowhere.topic', 'nowhere')")
    state = lambda: bank.query("select state, pid, last_error from standin.cdc_sources where source = 'nowhere'")[0]
    await_("the complaint", lambda: state()[0] == "disconnected" and "Connect" in state()[2], 30)
    pid = state()[1]
    begun = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    await_("the worker's end", lambda: not pathlib.Path(f"/proc/{pid}").exists(), 10, 0.01)
    assert time.monotonic() - begun < 1
    assert bank.value("select true")
    kafka.topic_create("nowhere.topic")
    kafka.produce("nowhere.topic", [event("c", {"id": 1, "v": 1})])
    bank.query('alter server nowhere options (set "bootstrap.servers" %s)', [kafka.brokers])
    await_("the row", lambda: bank.value("select v from nowhere") == 1, 60)
    bank.query("select standin.cdc_source_drop('nowhere')")


def test_stop_of_the_server_while_kafka_hangs(kafka, bank):
    """A broker that accepts connections and never answers must not hold up a shutdown."""
    stream = Stream(bank, "hanging", "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    pid = stream.pid()
    kafka.process.signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        await_("the worker's end", lambda: not pathlib.Path(f"/proc/{pid}").exists(), 10, 0.01)
        assert time.monotonic() - begun < 1
        begun = time.monotonic()
        bank.query("select standin.cdc_pause('hanging')")
        await_("the pause", lambda: stream.state() == "paused", 30, 0.01)
        assert time.monotonic() - begun < 5
        bank.query("select standin.cdc_resume('hanging')")
    finally:
        kafka.process.signal(signal.SIGCONT)
    stream.produce([event("c", {"id": 2, "v": 2})])
    stream.applied(2)
    stream.drop()


def test_broker_restart(kafka, bank):
    stream = Stream(bank, "restart", "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    kafka.kill9()
    await_("the complaint", lambda: stream.state() == "disconnected", 60)
    kafka.start()
    stream.produce([event("c", {"id": 2, "v": 2})])
    stream.applied(2)
    await_("good health", lambda: stream.state() == "running", 60)
    stream.drop()


def test_transactions_of_kafka(kafka, bank):
    """Aborted records are never applied; the markers of transactions do not leave a lag."""
    stream = Stream(bank, "transactional", "id int primary key, v int")

    def produce(decision, rows):
        lines = "".join(f"{json.dumps(key)}\t{json.dumps(value)}\n" for key, value in (event("c", row) for row in rows))
        subprocess.run([PRODUCER, kafka.brokers, stream.topic, decision], input=lines.encode(), check=True, timeout=120)
    produce("commit", [{"id": 1, "v": 1}, {"id": 2, "v": 2}])
    produce("abort", [{"id": 1, "v": -1}, {"id": 3, "v": 3}])
    produce("commit", [{"id": 2, "v": 22}])
    await_("the committed rows", lambda: stream.rows() == [(1, 1), (2, 22)], 60)
    end = 2 + 1 + 2 + 1 + 1 + 1
    await_("the end beyond the last marker", lambda: stream.stat("next_offset") == end and stream.stat("lag_messages") == 0, 60)
    assert stream.stat("inserts") == 3
    stream.drop()


def test_partitions_and_topics_that_come_late(kafka, bank):
    bank.query("create table late (id int primary key, v int); alter table late owner to replica")
    bank.query("select standin.cdc_source_create('late', 'kafka')")
    bank.query("select standin.cdc_table_add('late', 'late.topic', 'late')")
    await_("the complaint", lambda: bank.value("select detail from standin.cdc_sources where source = 'late'") == "no such topic: late.topic", 30)
    kafka.topic_create("late.topic", 3)
    for partition in range(3):
        kafka.produce("late.topic", [event("c", {"id": partition, "v": partition})], partition)
    await_("a row of each partition", lambda: bank.value("select count(*) from late") == 3, 60)
    assert bank.query("select partition, next_offset from standin.stat_cdc where source = 'late' order by 1") == [(0, 1), (1, 1), (2, 1)]
    bank.query("select standin.cdc_source_drop('late')")


TABLES_FOR_SQL = {
    "with_trigger": ("id int primary key, v int, seen int default 0",
                     "create function public.count_up() returns trigger language plpgsql as $$begin new.seen := coalesce(new.seen, 0) + 1; return new; end$$;"
                     "create trigger t before insert or update on with_trigger for each row execute function public.count_up()"),
    "with_rls": ("id int primary key, v int", "alter table with_rls enable row level security"),
    "with_generated": ("id int primary key, v int, twice int generated always as (v * 2) stored", ""),
    "with_identity": ("id int primary key generated always as identity, v int", ""),
    "with_rule": ("id int primary key, v int", "create rule nothing as on delete to with_rule where false do instead nothing"),
}


@pytest.mark.parametrize("name", [*TABLES_FOR_SQL, "partitioned"])
def test_tables_that_need_sql(kafka, bank, name):
    if name == "partitioned":
        bank.query("create table partitioned (id int primary key, v int) partition by range (id);"
                   "create table partitioned_low partition of partitioned for values from (minvalue) to (3);"
                   "create table partitioned_high partition of partitioned for values from (3) to (maxvalue);"
                   "alter table partitioned owner to replica; alter table partitioned_low owner to replica; alter table partitioned_high owner to replica")
        stream = Stream(bank, name, None)
    else:
        columns, more = TABLES_FOR_SQL[name]
        bank.query(f"create table {name} ({columns}); {more}; alter table {name} owner to replica")
        stream = Stream(bank, name, None)
    stream.produce([event("c", {"id": 1, "v": 1}), event("c", {"id": 2, "v": 2}), event("c", {"id": 4, "v": 4})])
    stream.applied(3)
    stream.produce([event("u", {"id": 2, "v": 20}), event("d", {"id": 1}), ({"id": 1}, None), event("u", {"id": 5, "v": 5}),
                    event("c", {"id": 6, "v": "x"}), event("c", {"id": 3, "v": 3})])
    stream.applied(9)
    assert [row[:2] for row in stream.rows()] == [(2, 20), (3, 3), (4, 4), (5, 5)]
    assert [letter[:3] for letter in stream.dead_letters()] == [(7, "22P02", "v")]
    if name == "with_trigger":
        assert [row[2] for row in stream.rows()] == [2, 1, 1, 1]
    if name == "with_generated":
        assert [row[2] for row in stream.rows()] == [40, 6, 8, 10]
    stream.drop()


def test_more_columns_than_a_function_takes_arguments(kafka, bank):
    """On both paths: 300 columns, with a trigger on one of the two tables."""
    columns = "id int primary key, " + ", ".join(f"c{i} int" for i in range(300))
    bank.query(f"create table wide_sql ({columns}); alter table wide_sql owner to replica;"
               "create function public.nothing() returns trigger language plpgsql as $$begin return new; end$$;"
               "create trigger t before insert on wide_sql for each row execute function public.nothing()")
    for stream in (Stream(bank, "wide", columns), Stream(bank, "wide_sql", None)):
        row = {"id": 1, **{f"c{i}": i for i in range(300)}}
        stream.produce([event("c", row), event("c", {**row, "id": 2}), event("u", {**row, "c299": -1})])
        stream.applied(3)
        assert stream.rows() == [(1, *range(299), -1), (2, *range(300))]
        stream.drop()


def test_foreign_keys_defaults_and_domains(kafka, bank):
    bank.query("create table parent (id int primary key); alter table parent owner to replica;"
               "create domain positive as numeric(8,2) check (value > 0)")
    parents = Stream(bank, "parent", None)
    children = Stream(bank, "child", "id int primary key, parent int references parent deferrable initially deferred,"
                                     "amount positive, made text default 'here', kept text")
    parents.produce([event("c", {"id": 1})])
    parents.applied(1)
    children.produce([event("c", {"id": 1, "parent": 1, "amount": 1}), event("c", {"id": 2, "parent": 7, "amount": 1}),
                      event("c", {"id": 3, "parent": 1, "amount": -1}), event("c", {"id": 4, "parent": None, "amount": 2, "kept": "k"}),
                      event("u", {"id": 4, "amount": 3})])
    children.applied(5)
    assert [(row[0], row[1], str(row[2]), row[3], row[4]) for row in children.rows()] == [
        (1, 1, "1.00", "here", None), (4, None, "3.00", "here", "k")]
    assert [letter[:2] for letter in children.dead_letters()] == [(1, "23503"), (2, "23514")]
    parents.drop()
    children.drop()


def test_applied_as_the_owner_never_as_a_superuser(kafka, bank):
    """A trigger of the table's owner sees the owner, cannot leave the role, and reads only what the owner may."""
    bank.query("create table treasure (gold int); insert into treasure values (1); create table witness (who text, said text);"
               "alter table witness owner to replica")
    stream = Stream(bank, "mutinous", "id int primary key, v int")
    bank.query("create function public.mutiny() returns trigger language plpgsql as $$"
               "declare said text := ''; begin"
               " begin perform * from public.treasure; said := said || 'read '; exception when others then said := said || sqlstate || ' '; end;"
               " begin reset role; said := said || 'reset '; exception when others then said := said || sqlstate || ' '; end;"
               " begin set session authorization postgres; said := said || 'session'; exception when others then said := said || sqlstate; end;"
               " insert into public.witness values (current_user, said); return new; end$$;"
               "create constraint trigger t after insert on mutinous deferrable initially deferred for each row execute function public.mutiny()")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    assert bank.query("select * from witness") == [("replica", "42501 42501 42501")]
    # The environment's fault is no fault of the record: it waits, and goes on when mended.
    bank.query("alter table mutinous owner to postgres")
    stream.produce([event("c", {"id": 2, "v": 2})])
    await_("the refusal", lambda: stream.state() == "retrying" and "superuser" in stream.stat("last_error"), 30)
    bank.query("alter table mutinous owner to replica")
    stream.applied(2)
    assert stream.dead_letters() == []
    stream.drop()


def test_unique_values_that_change_hands(kafka, bank):
    """What a coalesced batch cannot do in key order, it does in the order of the stream."""
    stream = Stream(bank, "swap", "id int primary key, v int unique")
    stream.produce([event("c", {"id": 1, "v": 1}), event("c", {"id": 2, "v": 2})])
    stream.applied(2)
    stream.produce([event("u", {"id": 1, "v": 3}), event("u", {"id": 2, "v": 1}), event("u", {"id": 1, "v": 2})])
    stream.applied(5)
    assert stream.rows() == [(1, 2), (2, 1)] and stream.dead_letters() == []
    stream.drop()


def test_unchanged_rows_are_not_written(kafka, bank):
    stream = Stream(bank, "unchanged", "id int primary key, v int, t text, n numeric")
    rows = [event("c", {"id": i, "v": i, "t": "text" * 50, "n": 1.50}) for i in range(500)]
    stream.produce(rows)
    stream.applied(500)
    before = bank.query("select ctid, xmin from unchanged order by id")
    stream.produce(rows)
    stream.applied(1000)
    assert bank.query("select ctid, xmin from unchanged order by id") == before
    stream.drop()


EVERYTHING = """id int primary key, b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n numeric,
    n2 numeric(12,2), t text, v varchar(20), c char(5), d date, tm time, tm3 time(3), ts timestamp, ts3 timestamp(3),
    tz timestamptz, u uuid, y bytea, j json, jb jsonb, big text"""

VALUES = """
    (1, true, 1, 2, 3, 1.5, 2.5, 123.4500, 12.34, 'text "quoted" \\ ä', 'varchar', 'ch', '2026-11-24', '12:34:56.789012',
     '12:34:56.789', '2026-11-24 12:34:56.789012', '2026-11-24 12:34:56.789', '2026-11-24 12:34:56.789012+02',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x00ff10', '{"a": [1, 2]}', '{"b": {"c": null}}', repeat('long text ', 3000)),
    (2, false, -32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity', -98765432109876543210.123456789, -0.01, '', '', '',
     '0044-03-15 BC', '00:00', '24:00', '0001-01-01 00:00:00', '1969-12-31 23:59:59.999', '0001-06-01 00:00:00+00',
     '00000000-0000-0000-0000-000000000000', '', '[]', '"s"', null),
    (3, null, 32767, 2147483647, 9223372036854775807, 3.4e38, 1e-300, 0, 0, E'tab\\tnew\\nline', 'é', 'é', '9999-12-31', '23:59:59.999999',
     '23:59:59.999', 'infinity', '-infinity', 'infinity', null, null, 'null', 'null', repeat(md5('x'), 500)),
    (4, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)"""


@pytest.mark.parametrize("schemas", [False, True], ids=["schemaless", "schema"])
def test_debezium(kafka, bank, schemas):
    """Every scalar type through a real Debezium, snapshot and stream; pgbench's tables under load; equal at the end."""
    prefix, table = ("with_schema" if schemas else "without_schema"), "everything"
    if not bank.core:
        bank.start_core()
        bank.core.query(f"create table everything ({EVERYTHING}); insert into everything values {VALUES};"
                        "grant select on everything to debezium; alter publication debezium add table everything")
    connect = bank.start_connect(schemas=schemas, name=prefix, source={
        "topic.prefix": prefix, "slot.name": prefix, "table.include.list": r"public\.(pgbench_.*|everything)"})
    tables = ["pgbench_branches", "pgbench_tellers", "pgbench_accounts", "pgbench_history", table]
    bank.query(f"create schema {prefix}; grant usage, create on schema {prefix} to replica; set search_path = {prefix};"
               "create table pgbench_branches (bid int primary key, bbalance int, filler char(88));"
               "create table pgbench_tellers (tid int primary key, bid int, tbalance int, filler char(84));"
               "create table pgbench_accounts (aid int primary key, bid int, abalance int, filler char(84));"
               "create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22), hid bigint primary key, idempotency_key text);"
               f"create table everything ({EVERYTHING})")
    bank.query(f"select standin.cdc_source_create('{prefix}', 'kafka')")
    for name in tables:
        bank.query(f"alter table {prefix}.{name} owner to replica")
        bank.query(f"select standin.cdc_table_add('{prefix}', '{prefix}.public.{name}', '{prefix}.{name}')")
    letters = lambda: bank.query("select topic, sqlstate, error from standin.cdc_dead_letters where source = %s", [prefix])

    def snapshot():
        assert letters() == []
        return all(bank.value(f"select count(*) from {prefix}.{name}") == bank.core.value(f"select count(*) from {name}") for name in tables)
    try:
        await_("the snapshot", snapshot, 120, 0.5)
    except Exception:
        print(bank.query("select * from standin.stat_cdc where source = %s", [prefix]), letters())
        raise

    load = bank.core.load(rate=200, clients=2, seconds=5)
    far = 200 if schemas else 100
    bank.core.query(f"insert into everything select id + {far}, b, i2, i4, i8, f4, f8, n, n2, t, v, c, d, tm, tm3, ts, ts3, tz, u, y, j, jb, big from everything where id < 100;"
                    f"update everything set i4 = 7, t = 'updated' where id > {far};"  # big stays in TOAST: withheld by Debezium
                    f"update everything set id = id + 1000, big = 'short' where id = {far} + 2; delete from everything where id = {far} + 3;"
                    f"insert into everything (id) values ({far} + 3)")
    await_("the load's end", lambda: not load.alive(), 60)

    def contents(value, schema, name):
        return value(f"select md5(string_agg(t::text, '|' order by t::text)) from {schema}.{name} t")
    for name in tables:
        try:
            await_(f"{name} to be equal", lambda: contents(bank.value, prefix, name) == contents(bank.core.value, "public", name), 60, 0.3)
        except Exception:
            if name == table:
                source = bank.core.query("select id, t::text from everything t order by id")
                assert bank.query(f"select id, t::text from {prefix}.everything t order by id") == source
            raise
    assert letters() == []
    assert bank.value("select bool_and(lag_messages = 0) from standin.stat_cdc where source = %s", [prefix])
    bank.query("select standin.cdc_source_drop(%s)", [prefix])
    connect.stop()
    bank.core.query(f"alter publication debezium set table pgbench_branches, pgbench_tellers, pgbench_accounts, pgbench_history, everything")
