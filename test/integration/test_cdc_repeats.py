"""What a restarted connector sends again is known by its place in the source's log, and what is new is applied."""

import os
import random
import signal

from harness.await_ import await_
from source_log import Log, RedoThreads
from streams import Stream, kafka  # noqa: F401 (a fixture)


def duplicates(stream):
    return stream.stat("sum(duplicates)::int")


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


def test_each_record_is_counted_once(kafka, bank):
    """Whatever becomes of it, and however late that is known."""
    def counted():
        return bank.query("select records, applied, duplicates, filtered, ignored, dead_letters, unaccounted from standin.stat_cdc_records where source = 'counted'")[0]
    stream = Stream(bank, "counted", "id int primary key, v int, constraint small check (v < 100)", table={"row_filter": "v <> 7"})
    log = Log()
    events = [log.event("c", {"id": 1, "v": 1}), log.event("c", {"id": 2, "v": "poison"}), log.event("c", {"id": 3, "v": 500}), log.event("u", {"id": 1, "v": 600}),
              log.event("c", {"id": 4, "v": 7}), log.event("u", {"id": 1, "v": 2}), log.event("d", {"id": 1}), ({"id": 1}, None)]
    stream.produce(events)
    stream.applied(8)
    assert counted() == (8, 4, 0, 1, 1, 2, 0)  # the update that fails is coalesced away
    letters = counted()[5]
    stream.produce(events)
    stream.applied(16)
    assert counted()[0] == 16 and counted()[5] == letters and counted()[-1] == 0
    bank.query("alter table counted drop constraint small")
    bank.query("select standin.cdc_dead_letter_retry('counted', force => true)")
    await_("the retries", lambda: [letter[0] for letter in stream.dead_letters()] == [1], 30)
    assert counted()[0] == 16 + letters - 1 and counted()[5] == letters and counted()[-1] == 0
    assert bank.value("select record_rate > 0 from standin_private.cdc_progress where source = 'counted'")
    assert bank.query("select backlog from standin.backlogs where (kind, name) = ('source', 'counted')") == [(0,)]
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


def merged(chance, *streams):
    """As a reader of several threads may find them: each in its order, one before the other as it happens."""
    order = [at for at, stream in enumerate(streams) for _ in stream]
    chance.shuffle(order)
    iterators = [iter(stream) for stream in streams]
    return [next(iterators[at]) for at in order]


def test_an_oracle_connector_that_restarts_adds_nothing_to_a_history(kafka, bank):
    """Transactions of two redo threads, of which several may have the SCN of their commit in common. At each restart the
    connector goes back by some transactions, or into the midst of one, and reads the threads in another turn."""
    seed = int(os.environ.get("STANDIN_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"STANDIN_SEED={seed}")
    chance = random.Random(seed)
    stream = Stream(bank, "redo", "id int, v int", 2, {"kind": "history"}, batch_records=50)
    log, sent, values, offset, repeated = RedoThreads(), {1: [], 2: []}, 0, 0, 0
    for restart in range(8):
        again = {thread: past[-chance.randrange(1, 6):] for thread, past in sent.items()} if restart else sent
        again = {thread: past and [past[0][chance.randrange(len(past[0])):], *past[1:]] for thread, past in again.items()}
        repeated += sum(len(events) for past in again.values() for events in past)
        fresh = {1: [], 2: []}
        for number in range(12):
            rows = [{"id": chance.randrange(9), "v": values + i} for i in range(400 if number == 5 else chance.randrange(1, 6))]
            values += len(rows)
            thread = chance.choice((1, 2))
            fresh[thread].append(log.transaction(thread, rows, same_commit=bool(sent[thread]) and chance.random() < 0.3))
        events = [event for transaction in merged(chance, again[1] + fresh[1], again[2] + fresh[2]) for event in transaction]
        for thread in (1, 2):
            sent[thread] = sent[thread] + fresh[thread]
        stream.produce(events)
        offset += len(events)
        stream.applied(offset)
        assert [v for _, v in stream.rows("v")] == list(range(values))
        assert duplicates(stream) == repeated
        if restart % 3 == 1:
            pid = stream.pid()
            os.kill(pid, signal.SIGTERM)
            await_("another worker", lambda: stream.pid() not in (None, pid), 60)
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
