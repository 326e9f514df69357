"""Change capture event by event: every form, every operation, changed keys, and what a restarted connector sends again."""

import json
import os
import signal

import pytest

from harness.await_ import await_
from harness.process import run
from streams import MILLIS, Stream, kafka  # noqa: F401 (a fixture)
from test_cdc import revive, server_answers

PLACEHOLDER = "__debezium_unavailable_value"


class Log:
    """A PostgreSQL source's log: each event gets the next place in it, as Debezium writes it."""

    def __init__(self, commit=1000, micros=MILLIS * 1000, name="core"):
        self.commit, self.micros, self.name = commit, micros, name

    def source(self, op):
        return {"version": "3.6.1.Final", "connector": "postgresql", "name": self.name, "ts_ms": self.micros // 1000,
                "snapshot": "true" if op == "r" else "false", "db": "bank", "ts_us": self.micros, "schema": "public", "table": "t",
                "sequence": json.dumps([str(self.commit - 5), str(self.commit)]), "txId": self.commit, "lsn": self.commit}

    def event(self, op, row=None, key="id", before=None, advance=True):
        if advance:
            self.commit, self.micros = self.commit + 10, self.micros + 1000
        image = {"before": before, "after": None} if op == "d" else {"before": before, "after": row}
        value = image | {"source": self.source(op), "op": op, "ts_ms": MILLIS + 5}
        return (None if key is None else {key: row[key]}), value

    def truncate(self):
        self.commit, self.micros = self.commit + 10, self.micros + 1000
        return None, {"source": self.source("t"), "op": "t", "ts_ms": MILLIS + 5}

    def message(self, prefix, content, transactional=True):
        self.commit, self.micros = self.commit + 10, self.micros + 1000
        source = self.source("m") | ({} if transactional else {"txId": None})
        return {"prefix": prefix}, {"source": source, "op": "m", "ts_ms": MILLIS + 5, "message": {"prefix": prefix, "content": content}}


def send(stream, key, value, header=None, partition=None):
    """One record; a key None is Kafka's null, a header is (name, value)."""
    def text(word):
        return "" if word is None else word if isinstance(word, str) else json.dumps(word, separators=(",", ":"))
    words = ["kcat", "-b", stream.bank.kafka.brokers, "-P", "-t", stream.topic, "-Z", "-K", "\x1f", "-D", "\x1e"]
    if header:
        words += ["-H", f"{header[0]}={json.dumps(header[1])}"]
    if partition is not None:
        words += ["-p", str(partition)]
    run(words, input=f"{text(key)}\x1f{text(value)}\x1e", stdin=None)


def change_key(stream, log, old, new, row, partitions=(None, None), arrives_first=False):
    """What Debezium makes of an UPDATE that changes the key: delete, tombstone, create at one place of the log."""
    leave = log.event("d", {"id": old})
    arrive = log.event("c", row | {"id": new}, advance=False)
    halves = [lambda: (send(stream, *leave, ("__debezium.newkey", {"id": new}), partitions[0]), send(stream, {"id": old}, None, None, partitions[0])),
              lambda: send(stream, *arrive, ("__debezium.oldkey", {"id": old}), partitions[1])]
    return reversed(halves) if arrives_first else halves


def duplicates(stream):
    return stream.stat("sum(duplicates)::int")


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
    with pytest.raises(Exception, match="never handed to a function of a superuser"):
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


def test_a_changed_key_whose_insert_comes_first(kafka, bank):
    """Another partition is ahead. What it takes from the old row is mended when the old row's own partition has caught up."""
    stream = wide(bank, "overtaken", 2)
    log = Log()
    send(stream, *log.event("c", {"id": 1} | WIDE), None, 0)
    stream.applied(1)
    late = log.event("u", {"id": 1} | WITHHELD | {"note": "late"})
    leave, arrive = change_key(stream, log, 1, 2, WITHHELD, (0, 1))
    arrive()
    stream.applied(2)
    assert wide_rows(stream) == [(1, 1, *STORED), (2, 2, *STORED)]
    send(stream, *late, None, 0)
    leave()
    stream.applied(5)
    assert wide_rows(stream) == [(2, 2, "late", *STORED[1:])]
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


def audited(bank, name, partitions=1, **options):
    """A table whose every change leaves a trace."""
    stream = Stream(bank, name, "id int primary key, v int", partitions, **options)
    bank.query(f"create table {name}_audit (n int generated always as identity, op text, id int, v int); alter table {name}_audit owner to replica;"
               f"create function public.{name}_note() returns trigger language plpgsql as $$begin "
               f"insert into public.{name}_audit (op, id, v) values (tg_op, coalesce(new.id, old.id), new.v); return null; end$$;"
               f"create trigger note after insert or update or delete on {name} for each row execute function public.{name}_note()")
    return stream


def test_what_a_restarted_connector_sends_again_is_no_news(kafka, bank):
    stream = audited(bank, "repeated", batch_records=3)
    log = Log()
    events = [log.event("c", {"id": 1, "v": 1}), log.event("u", {"id": 1, "v": 2}), log.event("c", {"id": 2, "v": 1}),
              log.event("d", {"id": 2}), ({"id": 2}, None), log.event("c", {"id": 2, "v": 3}), log.event("c", {"id": 9, "v": "poison"}),
              log.event("u", {"id": 1, "v": 4})]
    stream.produce(events)
    stream.applied(8)
    before = bank.query("select op, id, v from repeated_audit order by n")
    stream.produce(events)  # the marks are in memory
    stream.applied(16)
    assert bank.query("select op, id, v from repeated_audit order by n") == before
    assert duplicates(stream) == 7 and len(stream.dead_letters()) == 1
    pid = stream.pid()
    os.kill(pid, signal.SIGTERM)
    await_("another worker", lambda: stream.pid() not in (None, pid), 60)
    stream.produce(events + [log.event("u", {"id": 1, "v": 5})])  # and in the table
    stream.applied(25)
    assert bank.query("select op, id, v from repeated_audit order by n") == before + [("UPDATE", 1, 5)]
    assert duplicates(stream) == 14 and stream.rows() == [(1, 5), (2, 3)]
    stream.drop()


def test_a_tombstone_that_comes_again_takes_no_later_row_with_it(kafka, bank):
    """A flattened delete bears no place: it is applied again, and so must be what follows it."""
    stream = Stream(bank, "tombstones", "id int primary key, v int")
    log = Log()

    def row(**values):
        key, value = log.event("c", values)
        source = {f"__source_{name}": value["source"][name] for name in ("connector", "name", "db", "sequence", "ts_us")}
        return key, values | {"__op": "c"} | source
    stream.produce([row(id=1, v=1), row(id=2, v=2)])
    again = [({"id": 1}, None), row(id=1, v=11), row(id=2, v=22)]
    stream.produce(again)
    stream.applied(5)
    stream.produce(again[:1])
    stream.applied(6)
    assert stream.rows() == [(2, 22)]
    pid = stream.pid()
    os.kill(pid, signal.SIGTERM)
    await_("another worker", lambda: stream.pid() not in (None, pid), 60)
    stream.produce(again[1:])
    stream.applied(8)
    assert stream.rows() == [(1, 11), (2, 22)] and stream.dead_letters() == []
    stream.drop()


def test_many_events_of_one_place_are_all_applied(kafka, bank):
    """COPY at the source writes many rows as one record of the log."""
    stream = audited(bank, "copied", batch_records=7)
    log = Log()
    events = [log.event("c", {"id": i, "v": i}, advance=i == 0) for i in range(20)]
    stream.produce(events)
    stream.applied(20)
    stream.produce(events)
    stream.applied(40)
    assert len(stream.rows()) == 20 and duplicates(stream) == 20
    assert bank.value("select count(*) from copied_audit") == 20
    stream.drop()


def test_a_restored_source_is_applied(kafka, bank):
    """Its log counts from a lower place, but its clock has gone on."""
    stream = audited(bank, "restored")
    log = Log(commit=5000)
    stream.produce([log.event("c", {"id": 1, "v": 1}), log.event("u", {"id": 1, "v": 2})])
    stream.applied(2)
    restored = Log(commit=3000, micros=log.micros + 10_000_000)
    again = [restored.event("u", {"id": 1, "v": 7}), restored.event("u", {"id": 1, "v": 8})]
    stream.produce(again)
    stream.applied(4)
    assert stream.rows() == [(1, 8)] and duplicates(stream) == 0
    assert "restored or replaced" in bank.value("select last_error from standin.cdc_sources where source = 'restored'")
    stream.produce(again)
    stream.applied(6)
    assert duplicates(stream) == 2
    stream.drop()


def test_snapshot_rows_obey_kafkas_order(kafka, bank):
    stream = Stream(bank, "resnapshot", "id int primary key, v int")
    log = Log()
    first = log.event("c", {"id": 1, "v": 1})
    later = log.event("u", {"id": 1, "v": 2})
    old = Log(commit=10, micros=1_000_000)
    stream.produce([first, later, old.event("r", {"id": 1, "v": 3}), later])
    stream.applied(4)
    assert stream.rows() == [(1, 3)] and duplicates(stream) == 1
    stream.drop()


def test_a_seek_applies_again(kafka, bank):
    stream = Stream(bank, "sought", "id int primary key, v int")
    log = Log()
    stream.produce([log.event("c", {"id": 1, "v": 1}), log.event("c", {"id": 2, "v": 2})])
    stream.applied(2)
    bank.query("delete from sought")
    bank.query("select standin.cdc_seek('sought', 'sought.topic', 0, 0)")
    await_("the rows", lambda: stream.rows() == [(1, 1), (2, 2)], 60)
    assert duplicates(stream) == 0
    stream.drop()
