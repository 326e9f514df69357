"""Change capture against a real Kafka: poison, crashes at named points, pause, seek, outages, transactions of Kafka."""

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
from streams import MILLIS, Stream, event, kafka  # noqa: F401

BUILD = pathlib.Path(os.environ.get("PG_STANDIN_STAGE", pathlib.Path(__file__).parents[2] / "build/debug/stage")).parent
PRODUCER = BUILD / "test/integration/transactional_producer"


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
        (2, "22P02", None), (3, "22001", "note"), (4, "22003", "amount"), (5, "23502", "note"), (9, "22023", None)]
    assert letters[0][3] == "{malformed"
    assert json.loads(letters[1][3])["after"]["note"] == "too long"
    assert bank.query("select reads, inserts, updates, deletes, ignored, unknown_fields, dead_letters from standin.stat_cdc"
                      " where source = 'poison'") == [(1, 2, 1, 1, 1, 1, 5)]
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
