"""Events with their schema, as a real Debezium's producer wrote them: against bare consumption, and against Debezium's JDBC sink."""

import time

from harness.await_ import await_
from harness.connect import Connect, ConnectWorker
from harness.core import Core

from .cdc_events import ACCOUNTS
from .cdc_stream import DBNAME, middle_pair, drained, rows

TOPIC = "schema.public.pgbench_accounts"


def snapshot(bench):
    """Fills the topic with Debezium's snapshot of pgbench_accounts, written in the small batches of its producer's defaults;
    how many rows."""
    core = Core(bench.directory, scale=max(rows(500_000) // 100_000, 1)).create()
    count = core.value("SELECT count(*) FROM pgbench_accounts")
    connect = Connect(bench.directory, bench.kafka, core, schemas=True, quick=False, source={
        "topic.prefix": "schema", "table.include.list": r"public\.pgbench_accounts", "provide.transaction.metadata": False,
        "producer.override.linger.ms": 5, "producer.override.batch.size": 16384}).create()
    await_("the snapshot", lambda: bench.kafka.end(TOPIC) >= count, 300, 0.5)
    connect.stop()
    core.stop()
    return count


def sink_rate(bench, count):
    """Rows a second of the sink from its first commit seen to its last: its start is not held against it."""
    bench.table("sink_accounts", ACCOUNTS)
    sink = ConnectWorker(bench.directory, bench.kafka, {"sink": {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "topics": TOPIC,
        "connection.url": f"jdbc:postgresql://127.0.0.1:{bench.server.port}/{DBNAME}",
        "connection.username": "postgres", "connection.password": "trusted",
        "insert.mode": "upsert", "primary.key.mode": "record_key", "delete.enabled": True, "schema.evolution": "none",
        "collection.name.format": "sink_accounts", "batch.size": 2000, "use.reduction.buffer": True,
        "consumer.override.max.poll.records": 5000}}, plugins=("jdbc_sink",), schemas=True, quick=False, name="sink",
        worker={"consumer.auto.offset.reset": "earliest"}).create()
    try:
        # The snapshot is in the order of aid.
        position = lambda: bench.value("SELECT max(aid) FROM sink_accounts") or 0
        first = await_("the sink's first commit", position, 120, 0.02)
        began = time.monotonic()
        await_("the sink's last commit", lambda: position() >= count, 600, 0.1)
        seconds = time.monotonic() - began
        assert bench.value("SELECT count(*) FROM sink_accounts") == count
        return (count - first) / seconds
    finally:
        sink.stop()
        bench.query("DROP TABLE sink_accounts")


def schema_json(bench):
    count = snapshot(bench)

    def cdc():
        bench.table("accounts", ACCOUNTS)
        rate = drained(bench, {TOPIC: "accounts"}, count)
        assert bench.value("SELECT count(*) FROM accounts") == count
        return rate

    value, reference = middle_pair(cdc, lambda: count / bench.consume_seconds(TOPIC, count))
    bench.results.add("cdc_schema_json_vs_consume", value, "rows/s", "bare consumption", reference)
    bench.results.add("cdc_vs_jdbc_sink", value, "rows/s", "Debezium JDBC sink", sink_rate(bench, count))
