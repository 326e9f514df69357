"""What the benchmarks of change capture share: topics filled before the clock starts, and a source that drains them."""

import contextlib
import os
import pathlib
import subprocess
import time

from harness.await_ import await_
from harness.process import run as run_program

CLIENT = pathlib.Path(__file__).resolve().parents[2] / "build/release/test/bench/kafka_client"
DBNAME = "bank"


def rows(default, least=1000):
    """How many rows a figure is taken with; STANDIN_BENCH_SCALE makes all figures smaller, to try the programs."""
    return max(int(default * float(os.environ.get("STANDIN_BENCH_SCALE", "1"))), least)


class Bench:
    """The server, the broker and one connection that watches progress without costing much."""

    def __init__(self, server, kafka, directory, results):
        self.server, self.kafka, self.directory, self.results = server, kafka, directory, results
        self.sources = 0
        self.query("CREATE ROLE replica; GRANT ALL ON SCHEMA public TO replica")
        self.query(f"CREATE SERVER kafka FOREIGN DATA WRAPPER standin_kafka OPTIONS (\"bootstrap.servers\" '{kafka.brokers}')")

    def query(self, sql, params=None):
        return self.server.query(sql, params, DBNAME)

    def value(self, sql, params=None):
        return self.server.value(sql, params, DBNAME)

    def table(self, name, columns, fill=""):
        """A new table, filled by a query, settled on disk: what is timed next pays for nothing before it."""
        self.query(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({columns}); ALTER TABLE {name} OWNER TO replica")
        if fill:
            self.query(f"INSERT INTO {name} {fill}")
        self.settle(name)

    def settle(self, name):
        self.query(f"VACUUM ANALYZE {name}")
        self.query("CHECKPOINT")

    def produce(self, topic, records, rate=None):
        """Send (key, value) pairs of text; with a rate, so many a second, each at once. How many there were."""
        command = [CLIENT, "produce", self.kafka.brokers, topic, *([str(rate)] if rate else [])]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as client:
            count = 0
            for key, value in records:
                client.stdin.write(f"{key}\t{value}\n".encode())
                count += 1
            client.stdin.close()
            if client.wait():
                raise RuntimeError(f"{command} exited with {client.returncode}")
        return count

    def fill(self, topic, records, **config):
        """A full topic, read once: the broker's JVM has compiled what serves it before anything is measured."""
        self.kafka.topic_create(topic, **config)
        self.consume_seconds(topic, self.produce(topic, records))

    def consume_seconds(self, topic, count):
        return float(run_program([CLIENT, "consume", self.kafka.brokers, topic, count]))

    @contextlib.contextmanager
    def source(self, tables, **options):
        """A paused source of {topic: table}, its worker up and waiting; dropped at the end."""
        self.sources += 1
        source = Source(self, f"bench{self.sources}", list(tables))
        words = "".join(f", {key} => '{value}'" for key, value in options.items())
        self.query(f"SELECT standin.cdc_source_create('{source.name}', 'kafka', paused => true{words})")
        for topic, table in tables.items():
            self.query("SELECT standin.cdc_table_add(%s, %s, %s)", [source.name, topic, table])
        # One that has waited for a while has seen all of its configuration.
        await_("the worker to wait", lambda: source.worker("state = 'paused' AND since < now() - interval '1 second'"), 60)
        try:
            yield source
        finally:
            self.query(f"SELECT standin.cdc_source_drop('{source.name}')")
            await_("the worker's end", lambda: source.worker("pid") is None, 60)


class Source:
    def __init__(self, bench, name, topics):
        self.bench, self.name, self.topics = bench, name, topics

    def worker(self, what):
        return self.bench.value(f"SELECT {what} FROM standin.stat_worker WHERE kind = 'cdc' AND key = %s", [self.name])

    def drain(self, records, watch=lambda: None, timeout=900):
        """Seconds from cdc_resume to the commit that makes the sum of offsets reach the number of records. The worker's start
        and its first word with the broker are in them."""
        with contextlib.closing(self.bench.server.connect(DBNAME)) as connection, connection.cursor() as cursor:
            def position():
                watch()
                # Not stat_cdc: a look at it costs more, and there are only two cores.
                cursor.execute("SELECT sum(next_offset) FROM standin_private.kafka_offset WHERE consumer = %s AND topic = ANY (%s)",
                               [self.name, self.topics])
                return cursor.fetchone()[0] or 0
            began = time.monotonic()
            cursor.execute("SELECT standin.cdc_resume(%s)", [self.name])
            while (done := position()) < records:
                if time.monotonic() - began > timeout:
                    raise RuntimeError(f"{self.name} stands at {done} of {records}: {self.bench.query('SELECT * FROM standin.stat_cdc')}")
                time.sleep(0.01)
            return time.monotonic() - began

    def dead_letters(self):
        return self.bench.value("SELECT count(*) FROM standin.cdc_dead_letters WHERE source = %s", [self.name])


def drained(bench, tables, records, **options):
    """Records a second of a source that reads full topics."""
    with bench.source(tables, **options) as source:
        seconds = source.drain(records)
        assert source.dead_letters() == 0, bench.query("SELECT * FROM standin.cdc_dead_letters LIMIT 1")
    return records / seconds


def middle_pair(measure, reference, times=5):
    """Both measured so many times, one right after the other, each first in turns. The pair whose ratio is the middle one: the
    machine's moods last longer than a pair, and go further than some ratios differ from 1."""
    pairs = []
    for number in range(times):
        if number % 2:
            against = reference()
            pairs.append((measure(), against))
        else:
            pairs.append((measure(), reference()))
    pairs.sort(key=lambda pair: pair[0] / pair[1])
    print("    " + " ".join(f"{value / against:.2f}" for value, against in pairs), flush=True)
    return pairs[times // 2]
