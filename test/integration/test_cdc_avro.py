"""Change capture from Avro in Confluent's wire format, written by confluent-kafka's own serializers against a registry."""

import json
from decimal import Decimal

from avro_streams import (DECIMAL, KEY, SMALL, SMALL_TABLE, VARIABLE, AvroStream, books, envelope, frame, named,  # noqa: F401
                          registry)
from streams import event, kafka  # noqa: F401

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
