"""What the tests of the outbox share: a broker, a relay, and a consumer that reads committed records."""

import contextlib
import json

import pytest

from harness.await_ import await_
from harness.process import run


@pytest.fixture(scope="module")
def kafka(bank):
    bank.start_kafka(settings={"auto.create.topics.enable": "true", "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000})
    bank.start_service()
    bank.define_server()
    bank.query("create role app login; grant standin_app to app")
    return bank.kafka


class Outbox:
    """A relay with topics of its own."""

    def __init__(self, bank, name, topics=("a",), partitions=1, **options):
        self.bank, self.name = bank, name
        self.topics = {topic: f"{name}.{topic}" for topic in topics}
        for topic in self.topics.values():
            bank.kafka.topic_create(topic, partitions)
        words = "".join(f", {key} => %s" for key in options)
        bank.query(f"select standin.outbox_relay_create(%s, 'kafka'{words})", [name, *options.values()])
        for topic in self.topics.values():
            self.define(topic)

    def define(self, topic, **options):
        words = "".join(f", {key} => %s" for key in options)
        self.bank.query(f"select standin.outbox_topic_create(%s, %s{words})", [topic, self.name, *options.values()])
        self.bank.query("select standin.outbox_topic_grant(%s, 'app')", [topic])

    def connect(self, autocommit=False):
        return contextlib.closing(self.bank.service.connect("bank", user="app", autocommit=autocommit))

    def publish(self, *events):
        """(topic, key, payload) of one transaction."""
        with self.connect() as session, session.cursor() as cursor:
            for topic, key, payload in events:
                cursor.execute("select standin.outbox_publish(%s, %s, %s::text)", [self.topics[topic], key, payload])
            session.commit()

    def stat(self, what):
        return self.bank.value(f"select {what} from standin.stat_outbox where relay = %s", [self.name])

    def await_state(self, state, timeout=60):
        return await_(f"state {state}", lambda: self.stat("state") == state and (self.stat("coalesce(concat_ws(': ', reason, hint), detail)") or self.stat("detail") or True), timeout)

    def drained(self, timeout=60):
        await_("an empty queue", lambda: self.stat("waiting_rows") == 0, timeout)

    def records(self, topic):
        """(key, value, headers) as a consumer of committed records sees them, partition by partition."""
        return read(self.bank.kafka, self.topics.get(topic, topic))

    def mark(self):
        marks = read(self.bank.kafka, f"standin.outbox.{self.name}")
        return json.loads(marks[-1][1]) if marks else None

    def drop(self):
        self.drained()
        for topic in self.topics.values():
            self.bank.query("select standin.outbox_topic_drop(%s)", [topic])
        self.bank.query("select standin.outbox_relay_drop(%s)", [self.name])


def read(kafka, topic):
    """All committed records of a topic now: (key, value, headers). Key and value None where Kafka has none."""
    out = run(["kcat", "-b", kafka.brokers, "-C", "-t", topic, "-e", "-o", "beginning", "-q", "-Z", "-X", "isolation.level=read_committed",
               "-f", "%K\x1f%k\x1f%S\x1f%s\x1f%h\x1e"])
    records = []
    for line in out.split("\x1e")[:-1]:
        key_size, key, size, value, headers = line.split("\x1f")
        pairs = dict(pair.split("=", 1) for pair in headers.split(",") if pair)
        records.append((None if key_size == "-1" else key, None if size == "-1" else "" if size == "0" else value, pairs))  # kcat -Z shows both as NULL
    return records
