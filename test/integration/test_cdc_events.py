"""Change capture event by event: every form, every operation, and changed keys."""

import json

import pytest

from harness.await_ import await_
from source_log import PLACEHOLDER, Log, change_key, send
from streams import MILLIS, Stream, kafka  # noqa: F401 (a fixture)
from test_cdc import revive, server_answers


@pytest.mark.parametrize("mode", ["drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone"])
def test_flattened(kafka, bank, mode):
    stream = Stream(bank, "flat_" + mode.replace("-", "_"), "id int primary key, v int, note text")
    meta = {"__op": "c", "__table": "t", "__source_ts_ms": MILLIS}
    rewrites = {"__deleted": "false"} if mode.startswith("rewrite") else {}
    stream.produce([({"id": i}, {"id": i, "v": i, "note": "n"} | meta | rewrites) for i in range(4)])
    deletes = {"drop": [], "tombstone": [({"id": 1}, None)], "delete-to-tombstone": [({"id": 1}, None)],
               "rewrite": [({"id": 1}, {"id": 1, "v": 0, "note": None, "__deleted": "true"})],
               "rewrite-with-tombstone": [({"id": 1}, {"id": 1, "v": 0, "note": None, "__deleted": "true"}), ({"id": 1}, None)]}[mode]
    updates = [({"id": 2}, {"id": 2, "v": 22, "note": PLACEHOLDER} | meta | rewrites | {"__op": "u"}),
               ({"id": 3}, "null"), (json.dumps({"schema": {"type": "struct", "fields": [{"type": "int32", "field": "id"}]}, "payload": {"id": 0}}),
                                     '{"schema":{"type":"struct","fields":[{"type":"int32","field":"id"}]},"payload":null}')]
    stream.applied(4)
    stream.produce(deletes + updates)
    stream.applied(4 + len(deletes) + len(updates))
    assert stream.rows() == ([(1, 1, "n")] if mode == "drop" else []) + [(2, 22, "n")]
    assert stream.dead_letters() == [] and stream.stat("source_at") is not None
    stream.drop()


def test_the_form_is_remembered_across_restarts(kafka, bank):
    """The first record that a new worker sees is a tombstone: whether it is a delete was known to the one before."""
    flat = Stream(bank, "memory_flat", "id int primary key, v int")
    enveloped = Stream(bank, "memory_enveloped", "id int primary key, v int")
    log = Log()
    flat.produce([({"id": 1}, {"id": 1, "v": 1}), ({"id": 2}, {"id": 2, "v": 2})])
    enveloped.produce([log.event("c", {"id": 1, "v": 1})])
    flat.applied(2)
    enveloped.applied(1)
    for stream in flat, enveloped:
        bank.query("select standin.cdc_pause(%s)", [stream.name])
        await_("the pause", lambda: stream.state() == "paused", 30)
        stream.produce([({"id": 1}, None)])
        bank.query("select standin.cdc_resume(%s)", [stream.name])
    flat.applied(3)
    enveloped.applied(2)
    assert flat.rows() == [(2, 2)] and enveloped.rows() == [(1, 1)]
    flat.drop()
    enveloped.drop()


def test_control_records_are_never_dead_letters(kafka, bank):
    stream = Stream(bank, "control", "id int primary key, v int")
    log = Log()
    stream.produce([
        log.event("c", {"id": 1, "v": 1}),
        ({"serverName": "core"}, {"ts_ms": MILLIS}),
        ({"id": "7:1"}, {"status": "BEGIN", "id": "7:1", "ts_ms": MILLIS, "event_count": None, "data_collections": None}),
        ({"databaseName": "bank"}, {"source": log.source("c"), "ts_ms": MILLIS, "databaseName": "bank", "schemaName": None, "ddl": "drop table x", "tableChanges": []}),
        ("core", {"type": "execute-snapshot", "data": {"data-collections": ["public.t"]}}),
        ({"id": "u"}, {"id": "u", "aggregate_type": "Initial Snapshot", "type": "STARTED", "additional_data": {}, "timestamp": MILLIS}),
        log.message("p", "eA=="),
        ({"id": 1}, None),
    ])
    send(stream, None, None)
    stream.applied(9)
    assert stream.dead_letters() == [] and stream.rows() == [(1, 1)] and stream.stat("ignored") == 8
    stream.drop()


def test_truncate_keeps_its_place(kafka, bank):
    stream = Stream(bank, "emptied", "id int primary key, v int")
    bank.query("select standin.cdc_table_remove('emptied', 'emptied.topic')")
    bank.query("select standin.cdc_table_add('emptied', 'emptied.topic', 'emptied', on_truncate => 'apply')")
    log = Log()
    stream.produce([log.event("c", {"id": 1, "v": 1}), log.event("c", {"id": 2, "v": 2}), log.truncate(),
                    log.event("c", {"id": 1, "v": 11}), log.truncate(), log.truncate(), log.event("c", {"id": 3, "v": 3})])
    stream.applied(7)
    assert stream.rows() == [(3, 3)] and stream.stat("truncates") == 3 and stream.dead_letters() == []
    stream.drop()


def test_truncate_without_the_right_or_against_a_foreign_key_deletes(kafka, bank):
    bank.query("create role writer nologin; grant usage on schema public to writer")
    for name, role in ("unprivileged", "writer"), ("referenced", "replica"):
        bank.query(f"create table {name} (id int primary key, v int); alter table {name} owner to replica;"
                   f"grant select, insert, update, delete on {name} to writer")
        kafka.topic_create(f"{name}.topic")
        bank.query("select standin.cdc_source_create(%s, 'kafka')", [name])
        bank.query("select standin.cdc_table_add(%s, %s, %s, apply_role => %s, on_truncate => 'apply')", [name, f"{name}.topic", name, role])
    bank.query("create table child (id int references referenced)")
    for name in "unprivileged", "referenced":
        stream = Stream.__new__(Stream)
        stream.bank, stream.name, stream.topic = bank, name, f"{name}.topic"
        log = Log()
        stream.produce([log.event("c", {"id": 1, "v": 1}), log.truncate(), log.event("c", {"id": 2, "v": 2})])
        stream.applied(3)
        assert stream.rows() == [(2, 2)] and stream.dead_letters() == [], name
        stream.drop()


def messages_stream(bank, name, action):
    bank.kafka.topic_create(f"{name}.message")
    bank.query(f"select standin.cdc_source_create(%s, 'kafka', message_topic => %s, {action})", [name, f"{name}.message"])
    stream = Stream.__new__(Stream)
    stream.bank, stream.name, stream.topic = bank, name, f"{name}.message"
    return stream


def reached(stream, offset):
    await_("the messages", lambda: stream.bank.value("select sum(next_offset) from standin_private.kafka_offset where consumer = %s", [stream.name]) == offset, 60)


def test_messages_are_stored(kafka, bank):
    stream = messages_stream(bank, "letters", "on_message => 'store'")
    log = Log()
    first = log.message("order", "AAE=")
    stream.produce([first, log.message("note", "", transactional=False), first, (None, {"op": "m", "source": {}, "message": {"prefix": "p", "content": "?"}})])
    reached(stream, 4)
    rows = bank.query("select prefix, content, lsn, record_offset, source_at is not null from standin.cdc_messages where source = 'letters' order by record_offset")
    assert [(row[0], bytes(row[1]), *row[2:]) for row in rows] == [("order", b"\0\1", "0/3F2", 0, True), ("note", b"", "0/3FC", 1, True)]
    assert [row[:2] for row in stream.dead_letters()] == [(3, "22P02")]
    assert bank.value("select duplicates from standin_private.cdc_progress where source = 'letters'") == 1
    stream.drop()


def test_messages_are_handed_to_a_function(kafka, bank):
    bank.query("create table heard_messages (who name, prefix text, content bytea, lsn text); alter table heard_messages owner to replica;"
               "create function public.hear_message(prefix text, content bytea, lsn text) returns void language plpgsql as $$begin "
               "if prefix = 'bad' then raise exception 'no' using errcode = 'BK001'; elsif prefix = 'worse' then perform nothing(); end if; "
               "insert into public.heard_messages values (current_user, prefix, content, lsn); end$$")
    with pytest.raises(Exception, match="never handed to function"):
        bank.query("select standin.cdc_source_create('refused', 'kafka', on_message => 'call', message_function => 'hear_message(text, bytea, text)')")
    bank.query("alter function public.hear_message(text, bytea, text) owner to replica")
    with pytest.raises(Exception, match="cannot take logical messages"):
        bank.query("select standin.cdc_source_create('refused', 'kafka', on_message => 'call', message_function => 'lower(text)')")
    stream = messages_stream(bank, "calls", "on_message => 'call', message_function => 'hear_message(text, bytea, text)'")
    log = Log()
    good = log.message("good", "eA==")
    stream.produce([good, log.message("bad", ""), log.message("worse", ""), good, log.message("last", "")])
    reached(stream, 5)
    rows = bank.query("select who, prefix, content, lsn from heard_messages order by lsn")
    assert [(row[0], row[1], bytes(row[2]), row[3]) for row in rows] == [("replica", "good", b"x", "0/3F2"), ("replica", "last", b"", "0/410")]
    assert [row[:2] for row in stream.dead_letters()] == [(1, "BK001"), (2, "22000")]
    stream.drop()


WIDE = {"v": 1, "note": "long", "doc": '{"a": 1}', "raw": "AAH/", "amount": "12.50"}
STORED = ("long", {"a": 1}, b"\x00\x01\xff", "12.50")
WITHHELD = {"v": 2, "note": PLACEHOLDER, "doc": PLACEHOLDER, "raw": "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==", "amount": PLACEHOLDER}


def wide_rows(stream):
    return [(row[0], row[1], row[2], row[3], bytes(row[4]), str(row[5])) for row in stream.rows()]


def wide(bank, name, partitions=1, **options):
    return Stream(bank, name, "id int primary key, v int, note text, doc jsonb, raw bytea, amount numeric(10,2)", partitions,
                  decimal_handling_mode="'string'", **{"batch_records": 1} | options)


def nothing_left(bank):
    assert bank.value("select count(*) from standin_private.cdc_key_change") == 0


@pytest.mark.parametrize("batch", [1, 1000])
def test_a_changed_key_carries_over_what_is_withheld(kafka, bank, batch):
    stream = wide(bank, f"rekeyed_{batch}", batch_records=batch)
    log = Log()
    bank.query("select standin.cdc_pause(%s)", [stream.name])
    send(stream, *log.event("c", {"id": 1} | WIDE))
    send(stream, *log.event("u", {"id": 1} | WITHHELD | {"note": "longer"}))
    for half in change_key(stream, log, 1, 2, WITHHELD):
        half()
    send(stream, *log.event("u", {"id": 2} | WITHHELD | {"v": 3}))
    for half in change_key(stream, log, 2, 3, WITHHELD | {"note": "given"}):
        half()
    bank.query("select standin.cdc_resume(%s)", [stream.name])
    stream.applied(9)
    assert wide_rows(stream) == [(3, 2, "given", *STORED[1:])]
    assert stream.dead_letters() == []
    nothing_left(bank)
    stream.drop()


@pytest.mark.parametrize("point", ["cdc_before_commit", "cdc_after_commit"])
def test_a_crash_between_the_halves_of_a_changed_key(kafka, bank, point):
    stream = wide(bank, f"crashed_{point}")
    log = Log()
    send(stream, *log.event("c", {"id": 1} | WIDE))
    stream.applied(1)
    leave, arrive = change_key(stream, log, 1, 2, WITHHELD)
    pid = stream.pid()
    bank.query("delete from standin_private.worker_mark")
    bank.query("select standin_private.crash_point_arm(%s, 1)", [point])
    leave()
    await_("the crash", lambda: not server_answers(bank) or stream.pid() != pid, 60)
    revive(bank)
    await_("the first half", lambda: server_answers(bank) and stream.stat("next_offset") == 3, 120, 0.3)
    assert stream.rows() == []
    arrive()
    stream.applied(4)
    assert wide_rows(stream) == [(2, 2, *STORED)]
    assert stream.dead_letters() == []
    nothing_left(bank)
    stream.drop()


def test_a_changed_key_without_the_old_row_is_a_dead_letter(kafka, bank):
    stream = wide(bank, "orphan")
    for half in change_key(stream, Log(), 1, 2, WITHHELD):
        half()
    stream.applied(3)
    assert stream.rows() == [] and [row[:2] for row in stream.dead_letters()] == [(2, "22004")]
    stream.drop()


@pytest.mark.parametrize("mode", ["auto", "envelope"])
def test_a_key_that_begins_with_zero_is_not_avro(kafka, bank, mode):
    """Connect's LongConverter; the source's server names no schema registry."""
    stream = Stream(bank, f"longs_{mode}", "id bigint primary key, v int", message_format=f"'{mode}'")
    log = Log()
    value = lambda op, row: json.dumps(log.event(op, row)[1]).encode()
    big = 7 << 40
    kafka.produce_bytes(stream.topic, [(id.to_bytes(8, "big"), value(op, {"id": id, "v": v})) for op, id, v in (("c", 10, 1), ("c", big, 1), ("u", 10, 2), ("u", big, 2))])
    stream.applied(4)
    assert stream.rows() == [(10, 2), (big, 2)] and stream.dead_letters() == []
    stream.drop()
