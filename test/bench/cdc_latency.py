"""From a record's arrival in Kafka to its visibility here, at 1,000 events a second."""

from harness.await_ import await_
from harness.process import run as run_program

from .cdc_events import envelope
from .cdc_stream import rows

TOPIC = "latency.topic"
RATE = 1000


def latency(bench):
    """The broker stamps records as it appends them (in whole milliseconds, so up to one is added to each); the server stamps
    commits. Both read the clock of this machine."""
    bench.server.configure(track_commit_timestamp="on")
    bench.server.restart()
    count, warm = rows(20_000), rows(2_000, 100)
    bench.kafka.topic_create(TOPIC, message_timestamp_type="LogAppendTime")
    bench.table("latency", "id integer PRIMARY KEY, v integer")
    with bench.source({TOPIC: "latency"}) as source:
        bench.query(f"SELECT standin.cdc_resume('{source.name}')")
        await_("the worker", lambda: source.worker("state") == "running", 60)
        bench.produce(TOPIC, ((f'{{"id":{i}}}', envelope("c", "latency", i, "null", f'{{"id":{i},"v":{i}}}')) for i in range(count)), RATE)
        await_("all rows", lambda: bench.value("SELECT count(*) FROM latency") == count, 60)
        visible = dict(bench.query("SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM latency"))
    listed = run_program(["kcat", "-b", bench.kafka.brokers, "-C", "-t", TOPIC, "-e", "-q", "-f", "%o %T\n"])
    arrived = (map(int, line.split()) for line in listed.splitlines())
    milliseconds = sorted(float(visible[offset]) * 1000 - at for offset, at in arrived if offset >= warm)
    for name, share in (("cdc_latency_p50", 0.5), ("cdc_latency_p99", 0.99)):
        bench.results.add(name, milliseconds[int(len(milliseconds) * share)], "ms")
