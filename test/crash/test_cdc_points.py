"""Fast rounds of death of change capture, without Connect: a made-up connector writes, repeats itself and breaks off, while
workers die at named points of the apply path or at random moments, and the server and the broker with them. After each
round the tables must be equal to the model, the stored offsets be the ends, no history have an event twice, and nothing be a
dead letter. One source follows transaction by transaction, and another eventually with three workers.

STANDIN_CRASH_ROUNDS sets the number of rounds, STANDIN_SEED repeats them.
"""

import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

from made_source import MESSAGES, PARTITIONS, TRANSACTIONS, Connector, Database, topic_of
from harness import python, scratch
from harness.await_ import await_
from harness.environment import Environment

ROUNDS = int(os.environ.get("STANDIN_CRASH_ROUNDS") or 10)
SEED = int(os.environ.get("STANDIN_SEED") or random.SystemRandom().randrange(1_000_000))
LARGE_POINTS = ["cdc_between_parts", "cdc_amid_truncate"]  # a large transaction surely comes to them
POINTS = ["cdc_before_apply", "cdc_after_apply", "cdc_before_commit", "cdc_after_commit", *LARGE_POINTS]
SOURCES = {"whole": f"consistency => 'transaction', transaction_topic => '{TRANSACTIONS}', batch_records => 220, stall_timeout => '1 hour'",
           "soon": "consistency => 'eventual', workers => 3, batch_records => 40, conflict_timeout => '1 hour'"}
TABLES = {"account": ("id int primary key, v int, note text", ""),
          "entry": ("n int, id int, op text", ", kind => 'history'"),
          "board": ("id int primary key, v int", ", on_truncate => 'apply'"),
          "shape": ("id int primary key, v int", ", schema_evolution => 'add'")}
LARGE = 400  # events: more than the worker under `transaction` holds of a partition


class Producer:
    """A process that writes to the broker; the client library is not Debian's."""

    def __init__(self, brokers):
        program = pathlib.Path(__file__).with_name("producer.py")
        self.child = subprocess.Popen([python.interpreter(python.CONFLUENT), "-B", program, brokers], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, records):
        self.child.stdin.write(json.dumps(records) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline().strip()
        assert answer == "ok", f"the producer said {answer!r}"

    def stop(self):
        self.child.stdin.close()
        self.child.wait(30)


class Bank:
    """The service and the broker, two sources over the same topics."""

    def __init__(self):
        self.environment = Environment()
        self.kafka = self.environment.start_kafka()
        self.service = self.environment.start_service(settings={"restart_after_crash": "on"})
        self.query, self.value = self.environment.query, self.environment.value
        for table, partitions in PARTITIONS.items():
            self.kafka.topic_create(topic_of(table), partitions)
        self.kafka.topic_create(TRANSACTIONS)
        self.kafka.topic_create(MESSAGES)
        self.query("create role replica nologin")
        self.query('create server kafka foreign data wrapper standin_kafka options ("bootstrap.servers" %s)', [self.kafka.brokers])
        for source, options in SOURCES.items():
            self.query(f"create schema {source} authorization replica;"
                       f"select standin.cdc_source_create('{source}', 'kafka', message_topic => '{MESSAGES}', on_message => 'store', {options})")
            for table, (columns, more) in TABLES.items():
                self.query(f"create table {source}.{table} ({columns}); alter table {source}.{table} owner to replica;"
                           f"select standin.cdc_table_add('{source}', '{topic_of(table)}', '{source}.{table}'{more})")
            self.query(f"select standin.cdc_column_map('{source}', '{topic_of('entry')}', 'op', metadata => 'op')")
        self.producer = Producer(self.kafka.brokers)

    def stop(self):
        self.producer.stop()
        self.environment.stop()

    def crashes(self):
        """Processes of the server that were killed since its log began."""
        return self.service.process.log.read_text(errors="replace").count("was terminated by signal 9")

    def forgive(self):
        """Nobody is suspected for the death that is to come: it is meant."""
        await_("the server", lambda: self.query("delete from standin_private.worker_mark") == [])

    def offsets(self, source):
        return {(topic, partition): offset for topic, partition, offset in self.query(
            "select topic, partition, next_offset from standin_private.kafka_offset where consumer = %s and next_offset > 0", [source])}


@pytest.fixture(scope="module")
def bank():
    made = Bank()
    yield made
    made.stop()


class Death:
    """One death a round: at a point, which is armed before anything is written, or by kill -9 while records are written."""

    def __init__(self, bank, chance):
        self.bank, self.delay, self.skip = bank, chance.uniform(0, 0.4), 0
        self.victim = chance.choices(["point", "worker", "service", "kafka"], [12, 4, 3, 1])[0]
        self.name = self.victim
        self.before = bank.crashes()
        bank.forgive()
        if self.victim == "point":
            self.name, self.skip = chance.choice(POINTS), chance.choice([0, 0, 1, 2, 5])
            bank.query("select standin_private.crash_point_arm(%s, %s)", [self.name, self.skip])
        self.key = chance.choice(["whole", "soon", "soon/1", "soon/2"])
        self.thread = threading.Thread(target=self.strike)

    def strike(self):
        time.sleep(self.delay)  # the random moment itself, not a wait for something
        if self.victim == "worker":
            pid = await_("the worker", lambda: self.bank.value("select pid from standin.stat_worker where kind = 'cdc' and key = %s", [self.key]))
            os.kill(pid, signal.SIGKILL)
        elif self.victim == "service":
            self.bank.service.kill9()
            self.bank.service.start()
        elif self.victim == "kafka":
            self.bank.kafka.kill9()
            self.bank.kafka.start()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.thread.join()

    def has_come(self):
        """Where it surely comes, that it came; a point that is skipped may not be reached so often."""
        if self.victim == "worker" or (self.victim == "point" and self.skip == 0):
            await_(f"the death at {self.name}", lambda: self.bank.crashes() > self.before)
        return self.bank.crashes() > self.before or self.victim in ("service", "kafka")


def truncates(transaction):
    return any(record.value and record.value["op"] == "t" for record in transaction[1])


def write(database, connector, chance):
    """A round's records: small transactions, one large one, and what a connector does that dies and restarts."""
    if chance.random() < 0.1:
        database.add_column()
    sizes = [chance.randint(1, 12) for _ in range(chance.randint(3, 12))]
    if chance.random() < 0.5:
        sizes.insert(chance.randrange(len(sizes)), LARGE)
    while sizes:
        what = chance.choices(["send", "repeat", "break_off", "resume_amidst"], [12, 1, 1, 1])[0]
        size = sizes.pop(0)
        transaction = database.transaction(size)
        if what == "break_off":
            lost, back = [transaction], chance.randint(1, 4)
            # Partitions may be of several brokers. What stalls the source then, until an operator looks, does not happen here: a truncate
            # that comes again behind the next transaction, and more events than are held between that and what comes again.
            is_small = max([size, *sizes[:1], *(len(events) for _, events in connector.sent[-1:])]) < LARGE
            if sizes and is_small and not truncates(transaction) and chance.random() < 0.8:
                lost.append(database.transaction(sizes.pop(0)))
                back = 1
            connector.break_off(lost, back)
        elif what == "resume_amidst":
            connector.resume_amidst(transaction)
        else:
            connector.send(transaction)
        if what == "repeat":
            connector.repeat(chance.randint(1, 6))


def ends(connector, source):
    """Where a source ends: only under `transaction` it reads the transaction topic."""
    return {place: end for place, end in connector.ends.items() if source == "whole" or place[0] != TRANSACTIONS}


def check(bank, database, connector):
    for source in SOURCES:
        await_(f"the offsets of {source} to be the ends", lambda s=source: bank.offsets(s) == ends(connector, s), 60)
    for source in SOURCES:
        assert bank.query(f"select id, v, note from {source}.account order by id") == \
            [(id, *row) for id, row in sorted(database.account.items())]
        assert bank.query(f"select id, v from {source}.board order by id") == sorted(database.board.items()), source
        assert bank.query(f"select n, id, op from {source}.entry order by n") == database.entry, source
        rows = bank.query(f"select jsonb_strip_nulls(to_jsonb(t)) from {source}.shape t order by id")
        assert [row for row, in rows] == [row for _, row in sorted(database.shape.items())], source
        messages = bank.query("select convert_from(content, 'UTF8') from standin.cdc_messages where source = %s order by lsn::pg_lsn", [source])
        assert [content for content, in messages] == database.messages, source
    assert bank.query("select * from standin.cdc_dead_letters") == []
    assert bank.value("select count(*) from standin_private.cdc_key_change") == 0


def report(bank, database, connector):
    scratch.keep(bank.environment.directory)
    print(f"data and logs are kept in {bank.environment.directory}; the database's columns are {database.columns}")
    print(bank.environment.logs(15))
    await_("the server", lambda: bank.value("select true"))
    print(bank.query("select key, state, detail, last_error, restarts from standin.stat_worker"))
    print(bank.query("select source, topic, partition, record_offset, sqlstate, error, column_name from standin.cdc_dead_letters limit 20"))
    print(bank.query("select application_name, wait_event_type, wait_event, state, now() - xact_start, pg_blocking_pids(pid) from pg_stat_activity"
                     " where application_name like 'pg_standin cdc%'"))
    print(bank.query("select source, target::regclass, encode(position, 'hex'), old_key, stored from standin_private.cdc_key_change"))
    for source in SOURCES:
        offsets = bank.offsets(source)
        print(source, {place: (offsets.get(place), end) for place, end in ends(connector, source).items() if offsets.get(place) != end})


def test_points(bank):
    print(f"STANDIN_SEED={SEED}")
    chance = random.Random(SEED)
    database = Database(chance)
    connector = Connector(chance, bank.producer)
    came, began = collections.Counter(), time.monotonic()
    try:
        for number in range(1, ROUNDS + 1):
            database.settle()
            with Death(bank, chance) as death:
                if death.name in LARGE_POINTS:
                    connector.send(database.transaction(LARGE))
                write(database, connector, chance)
            came[death.name] += death.has_come()
            check(bank, database, connector)
            if number % 10 == 0:
                print(f"round {number}, {time.monotonic() - began:.0f} s, {sum(connector.ends.values())} records; deaths: {dict(came)}", flush=True)
    except BaseException:
        if bank.service.alive():
            report(bank, database, connector)
        raise
    assert sum(came.values()) >= ROUNDS // 2
