"""Avro where it meets the rest: transactions of the source, dead letters that are retried, tables that follow their schema."""

import json

from harness.await_ import await_
from avro_streams import SMALL, SMALL_TABLE, AvroStream, books, registry  # noqa: F401
from streams import MILLIS, kafka  # noqa: F401
from test_cdc_evolution import COLUMNS, described, die_with_the_column, event, table_change

BLOCK = {"type": "record", "name": "block", "namespace": "event", "fields": [
    {"name": "id", "type": "string"}, {"name": "total_order", "type": "long"}, {"name": "data_collection_order", "type": "long"}]}
BOUNDARY = {"type": "record", "name": "TransactionMetadataValue", "namespace": "io.debezium.connector.common", "fields": [
    {"name": "status", "type": "string"}, {"name": "id", "type": "string"}, {"name": "event_count", "type": ["null", "long"]},
    {"name": "data_collections", "type": ["null", {"type": "array", "items": {"type": "record", "name": "collection", "namespace": "event", "fields": [
        {"name": "data_collection", "type": "string"}, {"name": "event_count", "type": "long"}]}}]}, {"name": "ts_ms", "type": "long"}]}


def record(title, **fields):
    return {"type": "record", "name": title, "namespace": "io.debezium.connector.schema", "fields": [
        {"name": field, "type": kind} for field, kind in fields.items()]}


TEXT, NUMBER = ["null", "string"], ["null", "int"]
COLUMN = record("Column", name="string", jdbcType="int", nativeType=NUMBER, typeName="string", typeExpression=TEXT, charsetName=TEXT, length=NUMBER,
                scale=NUMBER, position="int", optional="boolean", autoIncremented="boolean", generated="boolean", comment=TEXT, defaultValueExpression=TEXT,
                enumValues=["null", {"type": "array", "items": "string"}])
TABLE = record("Table", defaultCharsetName=TEXT, primaryKeyColumnNames={"type": "array", "items": "string"}, columns={"type": "array", "items": COLUMN},
               comment=TEXT)
SCHEMA_CHANGE = record("SchemaChangeValue", source=record("Source", version="string", connector="string", name="string", db="string", table=TEXT),
                       ts_ms="long", databaseName=TEXT, schemaName=TEXT, ddl=TEXT,
                       tableChanges={"type": "array", "items": record("Change", type="string", id="string", table=["null", TABLE])})


class AvroTransactions:
    """A source under consistency `transaction` of one table, all of it in Avro."""

    def __init__(self, bank, registry, name):
        self.bank, self.name = bank, name
        for topic in "transaction", "public.a":
            bank.kafka.topic_create(f"{name}.{topic}")
        bank.query(f"create table {name}_a ({SMALL_TABLE}); alter table {name}_a owner to replica;"
                   f"select standin.cdc_source_create('{name}', 'avro', consistency => 'transaction', transaction_topic => '{name}.transaction');"
                   f"select standin.cdc_table_add('{name}', '{name}.public.a', '{name}_a')")
        self.writer = AvroStream.__new__(AvroStream)
        self.writer.bank, self.writer.registry, self.writer.fields, self.writer.name = bank, registry, SMALL, name

    def write(self, topic, records):
        self.writer.topic = f"{self.name}.{topic}"
        self.writer.write(records)

    def event(self, xid, order, row):
        key, (schema, value) = self.writer.record("c", row)
        schema = json.loads(schema)
        schema["fields"].append({"name": "transaction", "type": ["null", BLOCK], "default": None})
        return key, (json.dumps(schema), value | {"transaction": {"id": f"{xid}:{order}", "total_order": order, "data_collection_order": order}})

    def boundary(self, status, xid, count=None):
        totals = None if count is None else [{"data_collection": "public.a", "event_count": count}]
        return None, (json.dumps(BOUNDARY), {"status": status, "id": f"{xid}:0", "event_count": count, "data_collections": totals, "ts_ms": MILLIS})

    def rows(self):
        return self.bank.query(f"select * from {self.name}_a order by id")


def test_transactions(kafka, bank, registry):
    source = AvroTransactions(bank, registry, "avro_whole")
    source.write("transaction", [source.boundary("BEGIN", 1), source.boundary("END", 1, 2)])
    source.write("public.a", [source.event(1, 1, {"id": 1, "v": "a"})])
    await_("it to wait", lambda: bank.value("select detail from standin.cdc_sources where source = 'avro_whole'")
           == "transaction 1 lacks 1 of 2 events of public.a")
    assert source.rows() == []
    source.write("public.a", [source.event(1, 2, {"id": 2, "v": "b"})])
    await_("the whole", lambda: source.rows() == [(1, "a"), (2, "b")])
    # A registry that is away holds the transaction up, and its parts are not lost.
    registry.behave("error")
    bank.query("select standin.cdc_pause('avro_whole')")
    await_("the pause", lambda: bank.value("select state from standin.cdc_sources where source = 'avro_whole'") == "paused")
    registry.behave("ok")
    source.write("public.a", [source.event(2, 1, {"id": 3, "v": "c"})])
    source.write("transaction", [source.boundary("BEGIN", 2), source.boundary("END", 2, 1)])
    registry.behave("error")
    bank.query("select standin.cdc_resume('avro_whole')")
    await_("the complaint", lambda: "HTTP 500" in (bank.value("select last_error from standin.cdc_sources where source = 'avro_whole'") or ""))
    assert len(source.rows()) == 2
    registry.behave("ok")
    await_("the rest", lambda: source.rows() == [(1, "a"), (2, "b"), (3, "c")])
    assert bank.value("select count(*) from standin.cdc_dead_letters where source = 'avro_whole'") == 0
    bank.query("select standin.cdc_source_drop('avro_whole')")


def test_a_dead_letter_is_retried(kafka, bank, registry):
    stream = AvroStream(bank, registry, "avro_retried", "id int primary key, v text check (v <> 'bad')", SMALL, server="avro")
    stream.write([stream.record("c", {"id": 1, "v": "bad"}), stream.record("c", {"id": 2, "v": "good"})])
    stream.applied(2)
    assert [letter[:2] for letter in stream.letters()] == [(0, "23514")]
    bank.query("alter table avro_retried drop constraint avro_retried_v_check")
    # The worker that retries has read no schema yet.
    bank.query("select standin.cdc_pause('avro_retried')")
    await_("the pause", lambda: stream.state() == "paused")
    assert bank.value("select standin.cdc_dead_letter_retry('avro_retried')") == 1
    await_("the retry", lambda: stream.letters() == [])
    assert stream.rows() == [(1, "bad"), (2, "good")]
    stream.drop()


def test_new_fields_become_columns(kafka, bank, registry):
    stream = AvroStream(bank, registry, "avro_evolving", "id int primary key", {"id": "int"}, server="avro", table={"schema_evolution": "add"})
    later = {"id": "int", "v": "string", "n": "long"}
    stream.write([stream.record("c", {"id": 1}), stream.record("c", {"id": 2, "v": "x", "n": 1 << 40}, later), stream.record("c", {"id": 3})])
    stream.applied(3)
    assert stream.rows() == [(1, None, None), (2, "x", 1 << 40), (3, None, None)] and stream.letters() == []
    assert bank.query("select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'avro_evolving'::regclass"
                      " and attnum > 1 order by attnum") == [("v", "text"), ("n", "bigint")]
    stream.drop()


def test_a_crash_between_the_column_and_the_commit(kafka, bank, registry):
    stream = AvroStream(bank, registry, "avro_torn", "id int primary key", {"id": "int"}, server="avro", table={"schema_evolution": "add"})
    die_with_the_column(stream, lambda: stream.write([stream.record("c", {"id": 1})]),
                        lambda: stream.write([stream.record("c", {"id": 2, "note": "new"}, {"id": "int", "note": "string"})]))


def test_schema_changes(kafka, bank, registry):
    """What describes the tables is in Avro, and the rows are JSON without a schema."""
    stream = described(bank, "avro_told", "avro")
    writer = AvroStream.__new__(AvroStream)
    writer.bank, writer.registry, writer.topic = bank, registry, "avro_told"
    _, change = table_change("avro_told", COLUMNS, comment="of a bank")
    writer.write([(None, (json.dumps(SCHEMA_CHANGE), change))])
    stream.produce([event("c", {"id": 1, "name": "n", "amount": "AfQ="})])
    await_("the row", lambda: bank.value("select to_regclass('avro_told')") and bank.query("select id, name, amount::text from avro_told") == [(1, "n", "5.00")], 60)
    assert bank.value("select obj_description('avro_told'::regclass)") == "of a bank"
    assert stream.dead_letters() == []
    stream.drop()
