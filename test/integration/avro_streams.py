"""Streams in Avro in Confluent's wire format, written by confluent-kafka's own serializers against a registry."""

import json
import pathlib
import pickle
import subprocess

import pytest

from harness import python
from harness.await_ import await_
from harness.registry import Registry
from streams import MILLIS, Stream

PRODUCER = pathlib.Path(__file__).with_name("avro_producer.py")

# As Confluent's Avro converter writes what Debezium's schemas say.
KEY = {"type": "record", "name": "Key", "namespace": "core.public.t", "connect.name": "core.public.t.Key",
       "fields": [{"name": "id", "type": "int"}]}
DECIMAL = {"type": "bytes", "scale": 2, "precision": 12, "connect.version": 1, "logicalType": "decimal",
           "connect.parameters": {"scale": "2", "connect.decimal.precision": "12"},
           "connect.name": "org.apache.kafka.connect.data.Decimal"}
VARIABLE = {"type": "record", "name": "VariableScaleDecimal", "namespace": "io.debezium.data", "connect.version": 1,
            "connect.name": "io.debezium.data.VariableScaleDecimal",
            "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}]}


def frame(number, body):
    return b"\0" + number.to_bytes(4, "big") + body


def named(primitive, name, **more):
    return {"type": primitive, "connect.version": 1, "connect.name": name, **more}


def envelope(fields):
    """The schema of an envelope whose rows have these fields; all but id are nullable."""
    row = {"type": "record", "name": "Value", "connect.name": "core.public.t.Value", "fields": [
        {"name": name, "type": kind} if name == "id" else {"name": name, "type": ["null", kind], "default": None}
        for name, kind in fields.items()]}
    source = {"type": "record", "name": "Source", "namespace": "io.debezium.connector.postgresql", "fields": [
        {"name": "version", "type": "string"}, {"name": "connector", "type": "string"}, {"name": "ts_ms", "type": "long"},
        {"name": "snapshot", "type": ["string", "null"], "default": "false"}, {"name": "lsn", "type": ["null", "long"]}]}
    return {"type": "record", "name": "Envelope", "namespace": "core.public.t", "connect.version": 2,
            "connect.name": "core.public.t.Envelope", "fields": [
                {"name": "before", "type": ["null", row], "default": None},
                {"name": "after", "type": ["null", "Value"], "default": None},
                {"name": "source", "type": source}, {"name": "op", "type": "string"},
                {"name": "ts_ms", "type": ["null", "long"], "default": None}]}


class AvroStream(Stream):
    """A stream whose records confluent-kafka writes with schemas of its own."""

    def __init__(self, bank, registry, name, columns, fields, **more):
        super().__init__(bank, name, columns, **more)
        self.registry, self.fields = registry, fields

    def record(self, op, row, fields=None):
        """Key and value of an event as (schema, object)."""
        before, after = (row, None) if op == "d" else (None, row)
        source = {"version": "3.6.1.Final", "connector": "postgresql", "ts_ms": MILLIS, "snapshot": "false", "lsn": 1}
        return ((json.dumps(KEY), {"id": row["id"]}), (json.dumps(envelope(fields or self.fields)),
                {"before": before, "after": after, "source": source, "op": op, "ts_ms": MILLIS + 5}))

    def write(self, records, **client):
        job = {"brokers": self.bank.kafka.brokers, "topic": self.topic, "records": records,
               "registry": {"url": self.registry.url, **client}}
        done = subprocess.run([python.interpreter(python.CONFLUENT), "-B", PRODUCER], input=pickle.dumps(job), check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode()

    def frame(self, body, fields=None):
        """A body behind the number of the envelope's schema, which is registered."""
        wanted = envelope(fields or self.fields)
        for number, entry in enumerate(self.registry.schemas, 1):
            if entry["schema"].startswith("{") and json.loads(entry["schema"]) == wanted:
                return frame(number, body)
        raise AssertionError("no such schema")

    def letters(self):
        return self.bank.query("select record_offset, sqlstate, error from standin.cdc_dead_letters "
                               "where source = %s order by record_offset", [self.name])

    def retrying(self, text):
        """Until the worker says in stat_worker that it is kept from working by this."""
        def seen():
            rows = self.bank.query("select last_error from standin.stat_worker where kind = 'cdc' and key = %s "
                                   "and state = 'retrying'", [self.name])
            return rows and text in rows[0][0] and rows[0][0]
        return await_(f"{self.name} to complain of {text!r}", seen, 60)


@pytest.fixture(scope="module")
def books(kafka, bank):
    registry = Registry().start()
    server(bank, "avro", registry, timeout=2000)
    yield registry
    registry.stop()


@pytest.fixture
def registry(books):
    """The registry, in order again after each test."""
    yield books
    books.behave("ok")
    if not books.server:
        books.start()


def server(bank, name, registry, timeout=5000, **options):
    """A foreign server of the broker with this registry."""
    options = {"bootstrap.servers": bank.kafka.brokers, "schema.registry.url": registry.url,
               "schema.registry.timeout.ms": str(timeout), **options}
    words = ", ".join(f'"{key}" ' + "'" + value + "'" for key, value in options.items())
    bank.query(f"create server {name} foreign data wrapper standin_kafka options ({words})")


SMALL = {"id": "int", "v": "string"}
SMALL_TABLE = "id int primary key, v text"
