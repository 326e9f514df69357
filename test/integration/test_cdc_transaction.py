"""Consistency `transaction`: no reader ever sees half of a source transaction, whatever dies."""

import os
import random
import shutil
import signal
import threading

import psycopg2
import pytest

from harness.await_ import await_
from harness.core import fingerprint
from harness.environment import Environment
from streams import kafka  # noqa: F401
from transactions import Transactions


@pytest.fixture(scope="module")
def made(kafka, bank):
    """A source of two tables, a and b."""
    source = Transactions(bank, "made", {"a": "id int primary key, v int", "b": "id int primary key, v int"},
                          stall_timeout="'2 s'")
    yield source
    source.drop()


def test_whole_or_not_at_all(made):
    """Events arrive partition by partition; nothing shows before the last, then all of it does."""
    made.boundaries(("BEGIN", 1))
    made.event(1, 1, "a", "c", {"id": 1, "v": 1}, 0)
    made.event(1, 3, "b", "c", {"id": 1, "v": 1}, 2)
    made.event(2, 1, "a", "c", {"id": 9, "v": 9}, 1)  # runs ahead
    made.event(None, 0, "b", "r", {"id": 7, "v": 7}, 1)  # belongs to none
    made.await_rows("b", [(7, 7)])
    made.boundaries(("END", 1, {"a": 2, "b": 1}), ("BEGIN", 2), ("END", 2, {"a": 1}))
    await_("it to wait", lambda: made.state()[1] == "transaction 1 lacks 1 of 2 events of public.a")
    assert made.rows("a") == []
    assert made.offsets()["made.public.b/2"] == 0 and made.offsets()["made.transaction/0"] == 0
    made.event(1, 2, "a", "c", {"id": 2, "v": 2}, 2)
    made.await_rows("a", [(1, 1), (2, 2), (9, 9)])
    assert made.rows("b") == [(1, 1), (7, 7)]
    await_("the offsets", lambda: made.offsets()["made.transaction/0"] == 4)
    assert made.offsets()["made.public.a/0"] == made.offsets()["made.public.a/1"] == made.offsets()["made.public.a/2"] == 1


def test_worker_dies_in_the_midst(made):
    """A worker killed while it holds a part reads that part again."""
    made.boundaries(("BEGIN", 3))
    made.event(3, 1, "a", "u", {"id": 1, "v": 3}, 0)
    made.boundaries(("END", 3, {"a": 1, "b": 1}))
    await_("it to wait", lambda: "transaction 3 lacks 1 of 1 events of public.b" in made.state()[1])
    pid = made.bank.value("select pid from standin.cdc_sources where source = 'made'")
    made.bank.query("select pg_terminate_backend(%s)", [pid])
    await_("another worker to wait", lambda: "transaction 3" in made.state()[1]
           and made.bank.value("select pid from standin.cdc_sources where source = 'made'") not in (None, pid))
    assert made.rows("a")[0] == (1, 1)
    made.event(3, 2, "b", "u", {"id": 1, "v": 3}, 2)
    made.await_rows("b", [(1, 3), (7, 7)])
    assert made.rows("a")[0] == (1, 3)


def test_stall(made):
    """Totals that cannot be reached stall the source and say so; on_stall => 'apply' lets it go on and counts."""
    made.boundaries(("BEGIN", 4))
    made.event(4, 1, "a", "u", {"id": 2, "v": 4}, 2)
    made.boundaries(("END", 4, {"a": 2}), ("BEGIN", 5), ("END", 5, {"a": 1}))
    made.event(5, 1, "a", "u", {"id": 9, "v": 5}, 1)
    await_("the stall", lambda: made.state() == ("stalled", "transaction 4 lacks 1 of 2 events of public.a"))
    assert made.rows("a")[1:] == [(2, 2), (9, 9)]
    made.bank.query("select standin.cdc_source_alter('made', on_stall => 'apply')")
    made.await_rows("a", [(1, 3), (2, 4), (9, 5)])
    assert made.bank.value("select incomplete from standin.cdc_sources where source = 'made'") == 1


@pytest.mark.parametrize("whole", [True, False])
def test_a_crash_that_loses_events_of_one_partition(kafka, bank, whole):
    """Partitions of several brokers: 2 has begun where 1 is not whole. The connector sends both again, all of 1 or what is left of it."""
    source = Transactions(bank, f"lossy_{whole}".lower(), {"a": "id int primary key, v int", "b": "id int primary key, v int"})
    lost = lambda order: source.event(1, order, "b", "c", {"id": 1, "v": 1}, 2)
    second = lambda: source.event(2, 1, "a", "c", {"id": 2, "v": 2}, 1)
    source.boundaries(("BEGIN", 1))
    source.event(1, 1, "a", "c", {"id": 1, "v": 1}, 0)
    source.boundaries(("END", 1, {"a": 1, "b": 1}), ("BEGIN", 2))
    source.lsn = 2
    second()
    await_("it to wait", lambda: source.state()[1] == "transaction 1 lacks 1 of 1 events of public.b")
    source.boundaries(("BEGIN", 1))
    source.lsn = 0
    if whole:
        source.event(1, 1, "a", "c", {"id": 1, "v": 1}, 0)
    source.lsn = 1
    lost(2 if whole else 1)
    source.boundaries(("END", 1, {"a": 1, "b": 1} if whole else {"b": 1}), ("BEGIN", 2))
    second()
    source.boundaries(("END", 2, {"a": 1}))
    source.await_rows("a", [(1, 1), (2, 2)])
    assert source.rows("b") == [(1, 1)]
    assert bank.value("select sum(duplicates) from standin.stat_cdc where source = %s", [source.name]) == (2 if whole else 1)
    pid = bank.value("select pid from standin.cdc_sources where source = %s", [source.name])
    bank.query("select pg_terminate_backend(%s)", [pid])
    source.boundaries(("BEGIN", 3))
    source.event(3, 1, "b", "u", {"id": 1, "v": 3}, 2)
    source.boundaries(("END", 3, {"b": 1}))
    source.await_rows("b", [(1, 3)])
    source.drop()


@pytest.mark.parametrize("options", [{"batch_records": 500}, {"batch_records": 20, "queue_kilobytes": 64},
                                     {"on_stall": "'apply'", "stall_timeout": "'1 s'"}], ids=["whole", "in parts", "too late"])
def test_a_truncate_lost_in_a_crash_comes_again_in_another_partition(kafka, bank, options):
    """It has no key. Where it comes the second time, what is from after it has been: in the same transaction here, or committed."""
    source = Transactions(bank, f"lost_{len(options)}{options.get('batch_records', '')}",
                          {"a": "id int primary key, v int"}, on_truncate="apply", **options)
    bank.query("select standin.cdc_pause(%s)", [source.name])

    def put(rows, partition, order):
        source.lsn = order - 1
        for number, row in enumerate(rows):
            source.event(1, order + number, "a", "u" if row and row["v"] > 1 else row and "c" or "t", row, partition)
    before = [{"id": i, "v": 1} for i in range(1, 61)]
    after = [{"id": i, "v": 2} for i in range(51, 56)] + [{"id": i, "v": 1} for i in range(101, 160)]
    total = {"a": len(before) + 1 + len(after)}
    source.boundaries(("BEGIN", 1))
    put(before, 0, 1)
    put(after, 1, 62)
    source.boundaries(("END", 1, total))
    bank.query("select standin.cdc_resume(%s)", [source.name])
    if "on_stall" in options:
        await_("it to go on without", lambda: len(source.rows("a")) == 60 + 59)
    source.boundaries(("BEGIN", 1))
    put(before, 0, 1)
    put([None], 1, 61)
    put(after, 1, 62)
    source.boundaries(("END", 1, total))
    source.await_rows("a", [(row["id"], row["v"]) for row in after])
    assert bank.value("select coalesce(sum(dead_letters), 0) from standin.stat_cdc where source = %s", [source.name]) == 0
    source.drop()


def test_large_transaction(kafka, bank):
    """A transaction of many times what may be held is applied in parts and shows as one."""
    source = Transactions(bank, "large", {"a": "id int primary key, v text"}, batch_records=20, batch_kilobytes=64,
                          queue_kilobytes=64)
    total = 3000
    for partition in range(3):
        bank.kafka.produce("large.public.a", [
            ({"id": i}, {"before": None, "after": {"id": i, "v": "x" * 100}, "op": "c", "ts_ms": 1,
                         "source": {"connector": "postgresql", "name": "large", "db": "core", "ts_ms": 1, "lsn": i},
                         "transaction": {"id": f"1:{i}", "total_order": i, "data_collection_order": i}})
            for i in range(1 + partition, total + 1, 3)], partition)
    seen = set()
    stop = threading.Event()

    def watch():
        connection = bank.service.connect(bank.DATABASE)
        connection.autocommit = True
        cursor = connection.cursor()
        while not stop.is_set():
            cursor.execute("select count(*) from large_a")
            seen.add(cursor.fetchone()[0])
        connection.close()
    watcher = threading.Thread(target=watch)
    watcher.start()
    source.boundaries(("BEGIN", 1))
    await_("a part to be applied", lambda: bank.value(
        "select exists (select from pg_stat_activity where application_name = 'pg_standin cdc large' and backend_xid is not null)"))
    source.boundaries(("END", 1, {"a": total}))
    await_("all of it", lambda: bank.value("select count(*) from large_a") == total, 60)
    stop.set()
    watcher.join()
    assert seen <= {0, total}
    source.drop()


def test_trouble(kafka, bank):
    """A transaction topic that is not there, or has no order."""
    bank.kafka.topic_create("trouble.public.a")
    bank.query("create table trouble_a (id int primary key, v int); alter table trouble_a owner to replica")
    bank.query("select standin.cdc_source_create('trouble', 'kafka', consistency => 'transaction', transaction_topic => 'trouble.transaction')")
    bank.query("select standin.cdc_table_add('trouble', 'trouble.public.a', 'trouble_a')")
    state = lambda: bank.query("select state, detail from standin.cdc_sources where source = 'trouble'")[0]
    await_("the missing topic", lambda: state() == ("troubled", "no such topic: trouble.transaction"))
    bank.kafka.topic_create("trouble.transaction", 2)
    await_("the order", lambda: state()[0] == "troubled" and "has 2 partitions" in state()[1])
    bank.query("select standin.cdc_source_drop('trouble')")


BALANCES = """select (select sum(bbalance) from pgbench_branches), (select sum(tbalance) from pgbench_tellers),
                      (select sum(abalance) from pgbench_accounts), (select coalesce(sum(delta), 0) from pgbench_history)"""


class Auditor:
    """A reader that sums the bank's tables in a loop: whatever it sees must balance."""

    def __init__(self, bank, opening):
        self.bank, self.opening, self.faults, self.looks = bank, opening, [], 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.is_set():
            try:
                connection = self.bank.service.connect(self.bank.DATABASE)
                connection.autocommit = True
                cursor = connection.cursor()
                while not self.stopping.is_set():
                    cursor.execute(BALANCES)
                    branches, tellers, accounts, history = cursor.fetchone()
                    self.looks += 1
                    if not branches == tellers == accounts == self.opening + history:
                        self.faults.append((branches, tellers, accounts, history))
            except psycopg2.Error:
                self.stopping.wait(0.2)  # the server is away

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.stopping.set()
        self.thread.join()


@pytest.fixture(scope="module")
def real():
    """A core, Debezium with three partitions a table, and a service that follows it transaction by transaction."""
    environment = Environment()
    environment.start_bank()
    environment.define_server()
    environment.query("select standin.cdc_source_create('core', 'kafka', consistency => 'transaction', transaction_topic => 'core.transaction')")
    for table in ("branches", "tellers", "accounts", "history"):
        environment.query(f"select standin.cdc_table_add('core', 'core.public.pgbench_{table}', 'pgbench_{table}')")
    environment.query("select standin.cdc_source_create('journal', 'kafka'); create table journal (hid bigint, delta int, op text);"
                      "alter table journal owner to replica;"
                      "select standin.cdc_table_add('journal', 'core.public.pgbench_history', 'journal', kind => 'history');"
                      "select standin.cdc_column_map('journal', 'core.public.pgbench_history', 'op', metadata => 'op')")
    yield environment
    environment.stop()


def test_real_transactions(real):
    """pgbench at full speed; the worker, the server, the broker and Connect are killed, and Connect repeats what it said."""
    bank, chance = real, random.Random(7)
    try:
        await_("the snapshot", lambda: fingerprint(bank.core.query) == fingerprint(bank.query), 180, 0.5)
    except Exception:
        print(bank.query("select source, state, detail, last_error from standin.cdc_sources"), bank.logs(30),
              bank.query("select topic, partition, next_offset, end_offset from standin_private.kafka_offset"))
        raise
    opening = bank.value("select sum(abalance) from pgbench_accounts")
    offsets = bank.directory / "connect.offsets"
    old = bank.directory / "connect.offsets.old"
    with Auditor(bank, opening) as auditor:
        load = bank.core.load(rate=300, clients=4)  # as much as Debezium can follow here
        await_("events", lambda: bank.value("select count(*) from pgbench_history") > 300, 120)
        pid = bank.value("select pid from standin.cdc_sources where source = 'core'")
        os.kill(pid, signal.SIGKILL)  # the server restarts itself
        await_("another worker", lambda: bank.value("select pid from standin.cdc_sources where source = 'core'") not in (None, pid), 120)
        with bank.core.open_transaction():  # else the slot may go on beyond the offsets that are brought back
            shutil.copy(offsets, old)
            since = bank.value("select count(*) from pgbench_history")
            await_("more of them", lambda: bank.value("select count(*) from pgbench_history") > since + 500, 60)
            bank.connect.kill9()
            shutil.copy(old, offsets)  # the connector goes on from there: it repeats BEGINs, ENDs and events
            bank.connect.start()
        bank.service.kill9()
        bank.service.start()
        bank.kafka.kill9()
        bank.kafka.start()
        bank.connect.ensure_running(120)
        since = bank.value("select count(*) from pgbench_history")
        await_("events after the deaths", lambda: bank.value("select count(*) from pgbench_history") > since + 300, 120)
        load.stop()
        await_("the tables to be equal", lambda: fingerprint(bank.core.query) == fingerprint(bank.query), 180, 0.5)
    assert auditor.faults == [] and auditor.looks > 100
    assert bank.value("select count(*) from standin.cdc_dead_letters") == 0
    assert bank.value("select incomplete from standin.cdc_sources where source = 'core'") == 0
    for source in "core", "journal":
        assert bank.value("select sum(duplicates) from standin.stat_cdc where source = %s", [source]) > 0, "the connector repeated nothing"
    # A history, which keeps what comes twice, has each event of the real connector's once.
    total = bank.core.query("select count(*), count(*), sum(delta) from pgbench_history")
    await_("the history", lambda: bank.query("select count(*), count(distinct hid), sum(delta) from journal") == total, 120)


def test_a_deferred_foreign_key_is_checked_when_the_transaction_is_whole(kafka, bank):
    """As at the source: the child may come first, in one table or two. What breaks it is a dead letter, and no endless retry."""
    source = Transactions(bank, "deferred", {
        "parent": "id int primary key, v int", "child": "id int primary key, v int references deferred_parent deferrable initially deferred",
        "tree": "id int primary key, v int references deferred_tree deferrable initially deferred"}, partitions=1)
    source.boundaries(("BEGIN", 1))
    for order, (table, row) in enumerate([("child", {"id": 1, "v": 10}), ("parent", {"id": 10, "v": 0}), ("tree", {"id": 2, "v": 1}), ("tree", {"id": 1, "v": None})], 1):
        source.event(1, order, table, "c", row, 0)
    source.boundaries(("END", 1, {"child": 1, "parent": 1, "tree": 2}))
    source.await_rows("tree", [(1, None), (2, 1)])
    assert bank.query("select topic, sqlstate, error from standin.cdc_dead_letters where source = 'deferred'") == []
    assert source.rows("parent") == [(10, 0)] and source.rows("child") == [(1, 10)]
    source.boundaries(("BEGIN", 2))
    source.event(2, 1, "child", "c", {"id": 2, "v": 99}, 0)
    source.event(2, 2, "parent", "c", {"id": 20, "v": 0}, 0)
    source.boundaries(("END", 2, {"child": 1, "parent": 1}))
    source.await_rows("parent", [(10, 0), (20, 0)])
    assert bank.query("select topic, sqlstate from standin.cdc_dead_letters where source = 'deferred'") == [("deferred.public.child", "23503")]
    source.drop()
