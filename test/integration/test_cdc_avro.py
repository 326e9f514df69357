"""Change capture from Avro in Confluent's wire format, written by confluent-kafka's own serializers against a registry."""

import json
import pathlib
import pickle
import subprocess
from decimal import Decimal

import psycopg2
import pytest

from harness import python
from harness.await_ import await_
from harness.registry import Registry, self_signed
from streams import MILLIS, Stream, event, kafka  # noqa: F401

PRODUCER = pathlib.Path(__file__).with_name("avro_producer.py")
USER_INFO = "reader:regis-secret:with-colon"

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

EVERYTHING = {
    "id": "int", "i8": {"type": "int", "connect.type": "int8"}, "i16": {"type": "int", "connect.type": "int16"},
    "i64": "long", "f32": "float", "f64": "double", "flag": "boolean", "txt": "string", "data": "bytes",
    "amount": DECIMAL, "vamount": VARIABLE, "day": named("int", "io.debezium.time.Date"),
    "cday": named("int", "org.apache.kafka.connect.data.Date", logicalType="date"),
    "t_ms": named("int", "io.debezium.time.Time"), "t_us": named("long", "io.debezium.time.MicroTime"),
    "ts_ms": named("long", "io.debezium.time.Timestamp"), "ts_us": named("long", "io.debezium.time.MicroTimestamp"),
    "ts_ns": named("long", "io.debezium.time.NanoTimestamp"),
    "cts": named("long", "org.apache.kafka.connect.data.Timestamp", logicalType="timestamp-millis"),
    "ats": {"type": "long", "logicalType": "timestamp-micros"}, "adec": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 10},
    "zts": named("string", "io.debezium.time.ZonedTimestamp"), "uid": named("string", "io.debezium.data.Uuid"),
    "js": named("string", "io.debezium.data.Json"),
    "kind": named("string", "io.debezium.data.Enum", **{"connect.parameters": {"allowed": "debit,credit"}}),
    "fix": {"type": "fixed", "name": "Four", "size": 4},
    "colour": {"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN"]},
    "tags": {"type": "array", "items": ["null", "string"]}, "attrs": {"type": "map", "values": ["null", "long"]},
    "place": {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "double"}, {"name": "y", "type": "double"}]},
}
EVERYTHING_TABLE = """id int primary key, i8 smallint, i16 smallint, i64 bigint, f32 real, f64 double precision, flag boolean, txt text,
    data bytea, amount numeric(12,2), vamount numeric, day date, cday date, t_ms time, t_us time, ts_ms timestamp, ts_us timestamp,
    ts_ns timestamp, cts timestamp, ats timestamptz, adec numeric, zts timestamptz, uid uuid, js jsonb, kind text, fix bytea, colour text,
    tags jsonb, attrs jsonb, place jsonb"""
FULL = {
    "id": 1, "i8": -128, "i16": 32767, "i64": 9007199254740993, "f32": 0.1, "f64": 5e-324, "flag": True, "txt": "Zoë \"\\\n\t",
    "data": b"\x00\xff\x10", "amount": Decimal("-1234567890.12"), "vamount": {"scale": 3, "value": (123456).to_bytes(3, "big")},
    "day": -1, "cday": 20000, "t_ms": 86399999, "t_us": 1, "ts_ms": 1732400000123, "ts_us": -1, "ts_ns": 1732400000123456000,
    "cts": 0, "ats": 1732400000123456, "adec": Decimal("1234567890123456789012345678.0123456789"), "zts": "2024-11-23T22:13:20.123456Z",
    "uid": "0b6ad7f1-2c1f-4a5e-9d3c-6f0e5b7a8c9d", "js": '{"a": [1, null]}', "kind": "credit", "fix": b"abcd", "colour": "GREEN",
    "tags": ["a", None, "b\""], "attrs": {"k": 9007199254740993, "n": None}, "place": {"x": 1.5, "y": -0.25}}
AS_TEXT = {
    "id": "1", "i8": "-128", "i16": "32767", "i64": "9007199254740993", "f32": "0.1", "f64": "5e-324", "flag": "true",
    "txt": "Zoë \"\\\n\t", "data": "\\x00ff10", "amount": "-1234567890.12", "vamount": "123.456", "day": "1969-12-31",
    "cday": "2024-10-04", "t_ms": "23:59:59.999", "t_us": "00:00:00.000001", "ts_ms": "2024-11-23 22:13:20.123",
    "ts_us": "1969-12-31 23:59:59.999999", "ts_ns": "2024-11-23 22:13:20.123456", "cts": "1970-01-01 00:00:00",
    "ats": "2024-11-23 22:13:20.123456+00", "adec": "1234567890123456789012345678.0123456789",
    "zts": "2024-11-23 22:13:20.123456+00", "uid": "0b6ad7f1-2c1f-4a5e-9d3c-6f0e5b7a8c9d", "js": '{"a": [1, null]}', "kind": "credit",
    "fix": "\\x61626364", "colour": "GREEN", "tags": '["a", null, "b\\""]', "attrs": '{"k": 9007199254740993, "n": null}',
    "place": '{"x": 1.5, "y": -0.25}'}


def test_every_type_and_operation(kafka, bank, registry):
    stream = AvroStream(bank, registry, "everything", EVERYTHING_TABLE, EVERYTHING, server="avro")
    nothing = {name: None for name in EVERYTHING}
    stream.write([stream.record("c", FULL), stream.record("r", {**nothing, "id": 2}), stream.record("c", {**FULL, "id": 3}),
                  stream.record("u", {**FULL, "id": 3, "f32": float("nan"), "f64": float("-inf"), "txt": None}),
                  stream.record("c", {**nothing, "id": 4}), stream.record("d", {**nothing, "id": 4}),
                  ((json.dumps(KEY), {"id": 4}), None)])
    stream.applied(7)
    assert stream.letters() == []
    names = list(EVERYTHING)
    rows = bank.query("set timezone to 'UTC'; select " + ", ".join(f"{name}::text" for name in names) + " from everything order by id")
    assert dict(zip(names, rows[0])) == AS_TEXT
    assert dict(zip(names, rows[1])) == {**nothing, "id": "2"}
    assert dict(zip(names, rows[2])) == {**AS_TEXT, "id": "3", "f32": "NaN", "f64": "-Infinity", "txt": None}
    assert len(rows) == 3
    assert registry.requests.count("/schemas/ids/1") == 1 and registry.requests.count("/schemas/ids/2") == 1
    stream.drop()


def test_key_and_value_are_independent(kafka, bank, registry):
    """JSON key with Avro value, Avro key with JSON value, and deletes that live from the key alone."""
    stream = AvroStream(bank, registry, "mixed", SMALL_TABLE, SMALL, server="avro")
    avro, plain = stream.record("c", {"id": 1, "v": "a"}), event("c", {"id": 2, "v": "b"})

    def as_bytes(word):
        return json.dumps(word).encode()
    stream.write([(as_bytes({"id": 1}), avro[1]), (stream.record("c", {"id": 2})[0], as_bytes(plain[1])),
                  (None, stream.record("c", {"id": 3, "v": "c"})[1]), stream.record("c", {"id": 4, "v": "d"}),
                  (as_bytes({"id": 1}), stream.record("d", {"id": 1, "v": None})[1]),
                  (stream.record("d", {"id": 2})[0], as_bytes(event("d", {"id": 2})[1]))])
    stream.applied(6)
    assert stream.rows() == [(3, "c"), (4, "d")] and stream.letters() == []
    stream.drop()


def test_schema_changes_in_mid_stream(kafka, bank, registry):
    stream = AvroStream(bank, registry, "evolving", "id int primary key, v text, amount numeric", SMALL, server="avro")
    later = {"id": "long", "amount": DECIMAL, "v": "string"}
    stream.write([stream.record("c", {"id": 1, "v": "old"}), stream.record("c", {"id": 2, "v": "new", "amount": Decimal("1.50")}, later),
                  stream.record("c", {"id": 3, "v": "old"}), stream.record("u", {"id": 1, "v": None, "amount": Decimal("2.00")}, later)])
    stream.applied(4)
    assert [(row[0], row[1], row[2] and str(row[2])) for row in stream.rows()] == [(1, None, "2.00"), (2, "new", "1.50"), (3, "old", None)]
    assert stream.letters() == []
    stream.drop()


def test_references_between_schemas(kafka, bank, registry):
    money = '{"type":"record","name":"p.Money","fields":[{"name":"cents","type":"long"}]}'
    row = ('{"type":"record","name":"Row","namespace":"p","fields":[{"name":"id","type":"int"},'
           '{"name":"m","type":"Money"},{"name":"op","type":"string"}]}')
    registry.register("p.Money/λ", money)
    holder = ('{"type":"record","name":"p.Envelope","fields":[{"name":"after","type":"p.Row"},{"name":"op","type":"string"}]}')
    registry.register("row", row, [{"name": "p.Money", "subject": "p.Money/λ", "version": 1}])
    number = registry.register("envelope", holder, [{"name": "p.Row", "subject": "row", "version": 1}])
    stream = AvroStream(bank, registry, "referring", "id int primary key, m jsonb", SMALL, server="avro")
    stream.write([(None, frame(number, b"\x0e\x90\x03\x02x\x02c"))])
    stream.applied(1)
    assert stream.rows() == [(7, {"cents": 200})] and stream.letters() == []
    stream.drop()


def test_what_is_the_records_fault_becomes_a_dead_letter(kafka, bank, registry):
    stream = AvroStream(bank, registry, "faulty", SMALL_TABLE, SMALL, server="avro")
    stream.write([stream.record("c", {"id": 1, "v": "a"})])
    stream.applied(1)
    protobuf = registry.register("proto", "message M {}")
    registry.schemas[protobuf - 1]["schemaType"] = "PROTOBUF"
    broken = registry.register("broken", '{"type":"record"}')
    stream.write([(None, frame(999999, b"x")), (None, stream.frame(b"\0\2\4")), (None, stream.frame(b"")), (None, frame(protobuf, b"")),
                  (None, frame(broken, b"")), (None, stream.frame(b"\xff" * 50)), (frame(999999, b""), None),
                  stream.record("c", {"id": 2, "v": "a\0b"}), stream.record("c", {"id": 3, "v": "b"})])
    stream.applied(10)
    letters = stream.letters()
    assert [letter[:2] for letter in letters] == [(1, "22023"), (2, "22P03"), (3, "22P03"), (4, "22023"), (5, "22023"), (6, "22P03"),
                                                  (7, "22023"), (8, "22P05")]
    for letter, words in zip(letters, ("999999", "too early", "too early", "PROTOBUF", "no name", "malformed Avro", "999999", "U+0000")):
        assert words in letter[2], letter
    assert stream.rows() == [(1, "a"), (3, "b")]
    # What the registry did not have it may have later.
    while len(registry.schemas) < 40:
        registry.register("filler", f'"string"{" " * len(registry.schemas)}')
    stream.write([(None, frame(41, b"\0\2\4"))])
    stream.applied(11)
    assert stream.letters()[-1][1] == "22023" and "41" in stream.letters()[-1][2]
    registry.register("late", json.dumps(envelope({"id": "int", "late": "string", "v": "string"})))
    job = stream.record("c", {"id": 4, "late": "x", "v": "late"}, {"id": "int", "late": "string", "v": "string"})
    stream.write([(None, job[1])])
    stream.applied(12)
    assert stream.rows()[-1] == (4, "late")
    stream.drop()


@pytest.mark.parametrize("trouble", ["stopped", "error", "hang"])
def test_a_registry_that_is_away_costs_nothing(kafka, bank, registry, trouble):
    """The batch waits and is retried: nothing is lost, nothing becomes a dead letter, known schemas go on."""
    stream = AvroStream(bank, registry, f"away_{trouble}", SMALL_TABLE, SMALL, server="avro")
    other = AvroStream(bank, registry, f"known_{trouble}", SMALL_TABLE, SMALL, server="avro")
    other.write([other.record("c", {"id": 1, "v": "a"})])
    other.applied(1)
    new = {**SMALL, trouble: "string"}
    stream.write([stream.record("c", {"id": i, "v": "a"}, new) for i in range(50)])
    stream.applied(50)
    stream.write([stream.record("u", {"id": 1, "v": "b"}, {**new, "more": "int"})])
    stream.applied(51)
    newer = stream.record("u", {"id": 2, "v": "c"}, {**new, "newest": "int"})
    registry.register("ahead", newer[1][0])
    bank.query("select standin.cdc_pause(%s)", [stream.name])
    await_("the pause", lambda: stream.state() == "paused")
    stream.write([newer] * 3)
    if trouble == "stopped":
        registry.stop()
    else:
        registry.behave(trouble)
    bank.query("select standin.cdc_resume(%s)", [stream.name])
    said = stream.retrying("schema registry " + registry.url)
    assert {"stopped": "connect to server", "error": "HTTP 500", "hang": "timed out"}[trouble].lower() in said.lower(), said
    # The other stream knows its schemas and does not notice.
    other.write([(None, other.frame(b"\0\2\2\2\2b" + b"\0" * 6 + b"\2u\0"))])
    other.applied(2)
    assert other.rows() == [(1, "b")] and other.letters() == []
    registry.behave("ok")
    if trouble == "stopped":
        registry.start()
    stream.applied(54)
    assert stream.letters() == [] and len(stream.rows()) == 50 and stream.rows()[2] == (2, "c")
    stream.drop()
    other.drop()


def test_a_stop_does_not_wait_for_a_registry_that_hangs(kafka, bank, registry):
    server(bank, "patient", registry, timeout=300000)
    stream = AvroStream(bank, registry, "hanging", SMALL_TABLE, {**SMALL, "hanging": "int"}, server="patient")
    bank.query("select standin.cdc_pause('hanging')")
    await_("the pause", lambda: stream.state() == "paused")
    stream.write([stream.record("c", {"id": 1, "v": "a"})])
    asked = len(registry.requests)
    registry.behave("hang")
    bank.query("select standin.cdc_resume('hanging')")
    await_("the worker to ask", lambda: len(registry.requests) > asked)
    pid = bank.value("select pid from standin.stat_worker where kind = 'cdc' and key = 'hanging'")
    assert bank.value("select count(*) from pg_stat_activity where pid = %s and xact_start is null", [pid]) == 1
    bank.query("select pg_terminate_backend(%s)", [pid])
    await_("the worker's end", lambda: not bank.query("select from pg_stat_activity where pid = %s", [pid]), 60)
    await_("the next one to ask", lambda: len(registry.requests) > asked + 1)
    # The whole server, too.
    bank.service.stop()
    bank.service.start()
    registry.behave("ok")
    stream.applied(1)
    assert stream.rows() == [(1, "a")] and stream.letters() == []
    stream.drop()


def test_password_and_tls(kafka, bank):
    registry = Registry(user_info=USER_INFO, certificate=self_signed(bank.directory)).start()
    authority = pathlib.Path(registry.certificate[0]).read_text()
    server(bank, "sealed", registry)
    stream = AvroStream(bank, registry, "sealed", SMALL_TABLE, SMALL, server="sealed")
    stream.write([stream.record("c", {"id": 1, "v": "a"})],
                 **{"basic.auth.user.info": USER_INFO, "ssl.ca.location": str(registry.certificate[0])})
    assert "certificate" in stream.retrying("schema registry").lower()
    stranger = self_signed(bank.directory, "stranger")[0].read_text()
    bank.query('alter server sealed options (add "schema.registry.ssl.ca.pem" %s)', [stranger])
    assert "certificate" in stream.retrying("schema registry").lower()
    bank.query('alter server sealed options (set "schema.registry.ssl.ca.pem" %s)', [authority])
    stream.retrying("HTTP 401 (Unauthorized)")
    bank.query('create user mapping for standin_owner server sealed options ("schema.registry.basic.auth.user.info" %s)',
               ["reader:wrong-secret"])
    stream.retrying("HTTP 401 (Unauthorized)")
    assert stream.letters() == []
    bank.query('alter user mapping for standin_owner server sealed options (set "schema.registry.basic.auth.user.info" %s)', [USER_INFO])
    stream.applied(1)
    assert stream.rows() == [(1, "a")] and stream.letters() == []
    shown = bank.query("select last_error from standin.stat_worker") + [(bank.service.process.log.read_text(),)]
    assert not any("-secret" in (text or "") for (text,) in shown)
    stream.drop()
    registry.stop()


def test_several_registries_are_tried_in_order(kafka, bank, registry):
    dead = Registry()
    server(bank, "several", registry, **{"schema.registry.url": f"{dead.url}/, {registry.url}"})
    stream = AvroStream(bank, registry, "several", SMALL_TABLE, SMALL, server="several")
    stream.write([stream.record("c", {"id": 1, "v": "a"})])
    stream.applied(1)
    assert stream.rows() == [(1, "a")]
    stream.drop()


def test_without_or_beside_a_registry_the_stream_stops_and_says_so(kafka, bank, registry):
    stream = AvroStream(bank, registry, "unconfigured", SMALL_TABLE, SMALL)
    stream.write([stream.record("c", {"id": 1, "v": "a"})])
    stream.retrying("names no schema registry")
    # A page that is none of a registry's means a wrong URL, not a wrong id.
    bank.query('alter server kafka options (add "schema.registry.url" %s)', [registry.url + "/elsewhere"])
    stream.retrying("HTTP 404")
    bank.query('alter server kafka options (set "schema.registry.url" %s)', [registry.url])
    stream.applied(1)
    assert stream.rows() == [(1, "a")] and stream.letters() == []
    bank.query('alter server kafka options (drop "schema.registry.url")')
    stream.drop()


@pytest.mark.parametrize("place, option, value, state, words", [
    ("server", "schema.registry.url", "ftp://somewhere", "22023", "begin with http"),
    ("server", "schema.registry.url", "http://u:hidden@somewhere", "22023", "user or a password"),
    ("server", "schema.registry.url", "http://a b", "22023", "no URL"),
    ("server", "schema.registry.url", "http://a,,http://b", "22023", "begin with http"),
    ("server", "schema.registry.url", "http://a?b=c", "22023", "query"),
    ("server", "schema.registry.timeout.ms", "1s", "22023", "milliseconds"),
    ("server", "schema.registry.timeout.ms", "0", "22023", "milliseconds"),
    ("server", "schema.registry.ssl.ca.pem", "/etc/passwd", "22023", "PEM"),
    ("server", "schema.registry.urls", "http://a", "HV00D", "schema.registry.url"),
    ("server", "schema.registry.basic.auth.user.info", "u:hidden", "HV00D", "USER MAPPING"),
    ("user mapping for standin_owner server kafka", "schema.registry.basic.auth.user.info", "hidden", "22023", "user:password"),
])
def test_options_are_checked(kafka, bank, place, option, value, state, words):
    kind = "server wrong foreign data wrapper standin_kafka" if place == "server" else place
    more = f"\"bootstrap.servers\" '{bank.kafka.brokers}', " if place == "server" else ""
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(f'create {kind} options ({more}"{option}" %s)', [value])
    assert caught.value.pgcode == state
    assert words in str(caught.value) and "hidden" not in str(caught.value)


def test_confidential_values_of_a_dead_letter(kafka, bank, registry):
    """What the mapping hides is hidden in Avro's dead letters; the rest can be read, as the JSON that it stands for."""
    stream = AvroStream(bank, registry, "masked", "id smallint primary key, pan text", {"id": "int", "pan": "string"}, server="avro")
    bank.query("select standin.cdc_column_map('masked', 'masked.topic', 'pan', mask => 'last4')")
    stream.write([stream.record("c", {"id": 1, "pan": "4111111111111111"}), stream.record("c", {"id": 70000, "pan": "4222222222222222"})])
    stream.write([(None, stream.frame(b"\0\2\2\2\x104333333"))])
    stream.applied(3)
    assert stream.rows() == [(1, "*" * 12 + "1111")]
    whole, cut = bank.query("select convert_from(value, 'UTF8'), error, convert_from(key, 'UTF8') from standin.cdc_dead_letters "
                            "where source = 'masked' order by record_offset")
    assert json.loads(whole[0])["after"] == {"id": 70000, "pan": "***"} and json.loads(whole[2]) == {"id": 70000}
    assert cut[0] is None
    assert not any("4222" in (text or "") or "4333" in (text or "") for text in (*whole, *cut))
    stream.drop()
