"""From a record's arrival in Kafka to its visibility here, at 1,000 events a second."""

from harness.await_ import await_
from harness.process import run as run_program

from .cdc_events import envelope
from .cdc_stream import rows

RATE = 1000


def milliseconds(bench, table, count, warm, events):
    """Of `count` events into the table, one a row, in ascending order; the first `warm` are left out. The broker stamps records as
    it appends them (in whole milliseconds, so up to one is added to each); the server stamps commits. Both read the clock of this
    machine."""
    topic = f"{table}.topic"
    bench.kafka.topic_create(topic, message_timestamp_type="LogAppendTime")
    with bench.source({topic: table}) as source:
        bench.query(f"SELECT standin.cdc_resume('{source.name}')")
        await_("the worker", lambda: source.worker("state") == "running", 60)
        bench.produce(topic, events, RATE)
        await_("all rows", lambda: bench.value(f"SELECT count(*) FROM {table}") == count, 60)
        visible = dict(bench.query(f"SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM {table}"))
    listed = run_program(["kcat", "-b", bench.kafka.brokers, "-C", "-t", topic, "-e", "-q", "-f", "%o %T\n"])
    arrived = (map(int, line.split()) for line in listed.splitlines())
    return sorted(float(visible[offset]) * 1000 - at for offset, at in arrived if offset >= warm)


def latency(bench):
    bench.server.configure(track_commit_timestamp="on")
    bench.server.restart()
    count, warm = rows(20_000), rows(2_000, 100)
    bench.table("latency", "id integer PRIMARY KEY, v integer")
    events = ((f'{{"id":{i}}}', envelope("c", "latency", i, "null", f'{{"id":{i},"v":{i}}}')) for i in range(count))
    times = milliseconds(bench, "latency", count, warm, events)
    for name, share in (("cdc_latency_p50", 0.5), ("cdc_latency_p99", 0.99)):
        bench.results.add(name, times[int(len(times) * share)], "ms")
