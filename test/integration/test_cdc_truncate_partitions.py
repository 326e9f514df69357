"""A truncate in a topic of several partitions, of which others are ahead of it or behind: what is from after it stays as it is,
what is from before it goes and does not come back."""

import os
import signal

import pytest

from harness.await_ import await_
from source_log import PLACEHOLDER, Log, change_key, send
from streams import MILLIS, Stream, kafka  # noqa: F401 (a fixture)
from test_cdc import revive, server_answers
from test_cdc_events import WIDE, WITHHELD, nothing_left, wide, wide_rows
from test_cdc_operations import delete_records

APPLY = {"on_truncate": "apply"}


def part_of(key):
    return key % 3


def emptied(bank, name, partitions=3, columns="id int primary key, v int", **options):
    return Stream(bank, name, columns, partitions, APPLY, **options)


def put(stream, event, partition=None):
    key, value = event
    send(stream, key, value, None, part_of(key["id"]) if partition is None else partition)


def letters(stream):
    return stream.bank.query("select partition, record_offset, sqlstate, error from standin.cdc_dead_letters where source = %s order by 1, 2",
                             [stream.name])


class Scene:
    """Rows before a truncate and after it: keys 3, 4 and 5 come again, 5 is deleted again, 6 to 8 are new."""

    def __init__(self, log):
        self.before = [log.event("c", {"id": i, "v": 1}) for i in range(6)] + [log.event("u", {"id": i, "v": 2}) for i in range(6)]
        self.truncate = log.truncate()
        self.after = [log.event("c", {"id": i, "v": 3}) for i in range(3, 9)] + [log.event("u", {"id": 4, "v": 4}),
                                                                                 log.event("d", {"id": 5}), log.event("u", {"id": 7, "v": 4})]
    REST = [(3, 3), (4, 4), (6, 3), (7, 4), (8, 3)]

    def of(self, partition):
        """Without the truncate: what is before and after it there."""
        return [[one for one in events if part_of(one[0]["id"]) == partition] for events in (self.before, self.after)]


def incarnations(stream):
    """Where rows are and who wrote them: it changes if they are written again."""
    return dict(stream.bank.query(f"select id, ctid::text || ' ' || xmin from {stream.name}"))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("ahead", [(), (1,), (1, 2), (0, 1, 2)], ids=["behind", "both", "ahead", "all"])
def test_partitions_ahead_and_behind(kafka, bank, workers, ahead):
    """Those ahead are so when the truncate is met in partition 0, the others come only then. Its own partition is ahead if it
    was sent to another one first, and the connector died before it arrived there."""
    stream = emptied(bank, f"lead{len(ahead)}_{workers}", workers=workers)
    scene = Scene(Log())
    count = 0
    for partition in range(3):
        before, after = scene.of(partition)
        sent = before + after if partition in ahead else before if partition == 0 else before[:1]  # its worker is at work
        stream.produce(sent, partition)
        count += len(sent)
    stream.applied(count)
    kept = {key: place for key, place in incarnations(stream).items() if part_of(key) in ahead and key in dict(Scene.REST)}
    send(stream, *scene.truncate, None, 0)
    stream.applied(count + 1)
    assert stream.rows() == [row for row in Scene.REST if part_of(row[0]) in ahead]
    assert incarnations(stream) == kept
    for partition in range(3):
        before, after = scene.of(partition)
        if partition not in ahead:
            stream.produce((before[1:] if partition else []) + after, partition)
    stream.applied(len(scene.before) + 1 + len(scene.after))
    assert stream.rows() == Scene.REST and stream.dead_letters() == []
    assert stream.stat("sum(truncates)::int") == 1
    assert stream.stat("sum(ignored)::int") == sum(len(scene.of(partition)[0]) - 1 for partition in (1, 2) if partition not in ahead)
    stream.drop()


@pytest.mark.parametrize("workers", [1, 2])
def test_several_truncates_in_one_batch(kafka, bank, workers):
    """Everything is there at once, in whatever order Kafka hands the partitions out."""
    stream = emptied(bank, f"heap_{workers}", workers=workers)
    bank.query("select standin.cdc_pause(%s)", [stream.name])
    await_("the pause", lambda: stream.state() == "paused")
    log, count = Log(), 0
    scenes = [Scene(log) for _ in range(4)]
    for number, scene in enumerate(scenes):
        for partition in range(3):
            before, after = scene.of(partition)
            stream.produce(before + ([scene.truncate] if partition == number % 3 else []) + after, partition)
        count += len(scene.before) + 1 + len(scene.after)
    bank.query("select standin.cdc_resume(%s)", [stream.name])
    stream.applied(count)
    assert stream.rows() == Scene.REST and stream.dead_letters() == []
    stream.drop()


def test_a_worker_in_the_midst_of_its_batch(kafka, bank):
    """The truncate waits for it, and its rows go, too."""
    stream = emptied(bank, "midst", workers=3)
    log = Log()
    first, late = log.event("c", {"id": 1, "v": 1}), [log.event("u", {"id": 1, "v": 2}), log.event("c", {"id": 4, "v": 2})]
    put(stream, first)
    stream.applied(1)
    blocked = "select count(*) from pg_stat_activity where application_name like 'pg_standin cdc midst%%' and wait_event_type = 'Lock'"
    with bank.service.connect(bank.DATABASE, autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("select * from midst where id = 1 for update")
        stream.produce(late, 1)
        await_("a worker to be held up", lambda: bank.value(blocked) == 1)
        send(stream, *log.truncate(), None, 0)
        put(stream, log.event("c", {"id": 2, "v": 9}))
        await_("the truncate to wait for it", lambda: bank.value(blocked) >= 2)
    stream.applied(5)
    assert stream.rows() == [(2, 9)] and stream.dead_letters() == []
    stream.drop()


@pytest.mark.parametrize("partition", [0, 1, 2])
def test_it_comes_again_in_whatever_partition(kafka, bank, partition):
    """Its key is null: a restarted connector's producer puts it anywhere."""
    stream = emptied(bank, f"again_{partition}", workers=2)
    scene = Scene(Log())
    stream.produce(scene.of(0)[0] + [scene.truncate] + scene.of(0)[1], 0)
    stream.produce(scene.of(1)[0] + scene.of(1)[1], 1)
    count = sum(len(part) for place in (0, 1) for part in scene.of(place)) + 1
    stream.applied(count)
    rows, places = stream.rows(), incarnations(stream)
    send(stream, *scene.truncate, None, partition)
    stream.applied(count + 1)
    assert (stream.rows(), incarnations(stream)) == (rows, places)
    assert stream.stat("sum(duplicates)::int") == 1 and stream.stat("sum(truncates)::int") == 1
    stream.produce(scene.of(2)[0] + scene.of(2)[1], 2)
    stream.applied(count + 1 + sum(len(part) for part in scene.of(2)))
    assert stream.rows() == Scene.REST and stream.dead_letters() == []
    stream.drop()


def test_a_connector_that_restarted_and_is_not_yet_where_it_was(kafka, bank):
    """The last records of the partition ahead are from before the truncate: those that count are further back."""
    stream = emptied(bank, "rewound")
    scene = Scene(Log())
    before, after = scene.of(1)
    stream.produce(before + after + before, 1)
    stream.applied(2 * len(before) + len(after))
    send(stream, *scene.truncate, None, 0)
    stream.applied(2 * len(before) + len(after) + 1)
    assert stream.rows() == [(4, 4), (7, 4)] and stream.dead_letters() == []
    stream.drop()


def test_far_ahead(kafka, bank):
    """Further than the first look into the past goes, and by more than one batch."""
    stream = emptied(bank, "distant")
    log = Log()
    before = [log.event("c", {"id": 1, "v": 0}), log.event("c", {"id": 4, "v": 0})]
    truncate = log.truncate()
    after = [log.event("c", {"id": 4, "v": 0})] + [log.event("u", {"id": 4, "v": i}) for i in range(2500)] + [log.event("c", {"id": 7, "v": 7})]
    stream.produce(before + after, 1)
    stream.applied(len(before + after))
    send(stream, *truncate, None, 0)
    stream.applied(len(before + after) + 1)
    assert stream.rows() == [(4, 2499), (7, 7)] and stream.dead_letters() == []
    stream.drop()


@pytest.mark.parametrize("point", ["cdc_amid_truncate", "cdc_before_commit", "cdc_after_commit"])
def test_a_worker_dies_over_it(kafka, bank, point):
    stream = emptied(bank, f"dying_{point}", workers=3)
    scene = Scene(Log())
    for partition in range(3):
        before, after = scene.of(partition)
        stream.produce(before + after if partition == 1 else before if partition == 0 else [], partition)
    count = len(scene.before) - len(scene.of(2)[0]) + len(scene.of(1)[1])
    stream.applied(count)
    bank.query("delete from standin_private.worker_mark")
    deaths = lambda: bank.service.process.log.read_text(errors="replace").count("was terminated by signal 9")
    already = deaths()
    bank.query("select standin_private.crash_point_arm(%s)", [point])
    send(stream, *scene.truncate, None, 0)
    await_("the death", lambda: deaths() > already)
    await_("the server", lambda: revive(bank) or server_answers(bank), 60)
    stream.produce(scene.of(0)[1], 0)
    stream.produce(scene.of(2)[0] + scene.of(2)[1], 2)
    stream.applied(len(scene.before) + 1 + len(scene.after))
    assert stream.rows() == Scene.REST and stream.dead_letters() == [] and stream.stat("sum(truncates)::int") == 1
    stream.drop()


def test_the_mark_outlives_the_worker(kafka, bank):
    stream = emptied(bank, "outlived", workers=2)
    log = Log()
    old, truncate, new = log.event("c", {"id": 1, "v": 1}), log.truncate(), log.event("c", {"id": 4, "v": 2})
    send(stream, *truncate, None, 0)
    stream.applied(1)
    workers = lambda: bank.query("select pid from standin.stat_worker where kind = 'cdc' and split_part(key, '/', 1) = 'outlived' "
                                 "and state = 'running'")
    for pid, in await_("both workers", lambda: len(workers()) == 2 and workers()):
        os.kill(pid, signal.SIGTERM)
    put(stream, old)
    put(stream, new)
    stream.applied(3)
    assert stream.rows() == [(4, 2)]
    bank.query("select standin.cdc_table_remove('outlived', 'outlived.topic')")
    assert bank.query("select * from standin_private.cdc_truncate where source = 'outlived'") == []
    stream.drop()


def test_snapshot_rows_are_told_by_the_connectors_clock(kafka, bank):
    """They have no place in the log. Of the truncate's very millisecond nobody knows: dead letters, and the truncate too."""
    stream = emptied(bank, "unplaced")
    log = Log()

    def read(key, after):
        (key, value) = log.event("r", {"id": key, "v": after}, advance=False)
        return key, value | {"ts_ms": MILLIS + 5 + after}
    put(stream, read(1, -1))
    put(stream, read(4, 1))
    stream.applied(2)
    send(stream, *log.truncate(), None, 0)
    stream.applied(3)
    assert stream.rows() == [(4, 1)]
    for event in [read(2, -1), read(5, 1), read(8, 0)]:
        put(stream, event)
    stream.applied(6)
    assert stream.rows() == [(4, 1), (5, 1)] and stream.stat("sum(ignored)::int") == 1
    (partition, offset, sqlstate, error), = letters(stream)
    assert (partition, offset, sqlstate) == (2, 2, "22023") and "from before that is not known" in error
    send(stream, *log.truncate(), None, 0)
    stream.applied(7)
    assert [one[:2] for one in letters(stream)] == [(2, 2)]  # a dead letter changed no row
    assert stream.rows() == [(4, 1), (5, 1)]
    bank.query("select standin.cdc_dead_letter_retry('unplaced', 'unplaced.topic', 2, 2, true)")
    await_("the retry", lambda: stream.rows() == [(4, 1), (5, 1), (8, 0)])
    send(stream, *log.truncate(), None, 0)
    stream.applied(8)
    (_, _, sqlstate, error), = letters(stream)
    assert sqlstate == "22023" and "record 2 of partition 2" in error and len(stream.rows()) == 3
    stream.drop()


def test_dead_letters_of_before_and_after(kafka, bank):
    """Those of before are out of date; those of after may be retried, and the row of before does not stay in their place."""
    stream = emptied(bank, "lettered", columns="id int primary key, v int check (v < 1000)")
    log = Log()
    for event in [log.event("c", {"id": 1, "v": 1}), log.event("u", {"id": 1, "v": "poison"}), log.event("c", {"id": 2, "v": "poison"})]:
        put(stream, event)
    truncate = log.truncate()
    put(stream, log.event("c", {"id": 1, "v": 2000}))
    stream.applied(4)
    assert stream.rows() == [(1, 1)]
    send(stream, *truncate, None, 0)
    stream.applied(5)
    assert stream.rows() == []
    assert bank.query("select partition, record_offset, superseded_by from standin.cdc_dead_letters where source = 'lettered' order by 1, 2") == [
        (1, 1, 0), (1, 2, None), (2, 0, 0)]
    put(stream, log.event("u", {"id": 1, "v": "poison"}))
    stream.applied(6)
    assert stream.rows() == []
    stream.drop()


def test_keys_of_other_types(kafka, bank):
    """Equal as the key's index has it, whatever they look like."""
    columns = "id char(6), n numeric(8, 2), word text, v int, primary key (n, id, word)"
    stream = emptied(bank, "mixed_keys", columns=columns)
    words = ['a "b" \\ {c},d', "it's", "", "NULL"]
    log = Log()

    def row(word, v, op="c"):
        values = {"id": "x ", "n": 1.5, "word": word, "v": v}
        return {name: values[name] for name in ("id", "n", "word")}, log.event(op, values)[1]
    before = [row(word, 1) for word in words + ["gone"]]
    truncate = log.truncate()
    after = [row(word, 2) for word in words]
    stream.produce(before + after, 1)
    stream.applied(9)
    send(stream, *truncate, None, 0)
    stream.applied(10)
    assert sorted(stream.rows("v")) == sorted(("x     ", pytest.approx(1.5), word, 2) for word in words) and stream.dead_letters() == []
    stream.drop()


def test_a_partitioned_table_with_triggers_and_policies(kafka, bank):
    bank.query("create table varied (id int primary key, v int) partition by range (id);"
               "create table varied_low partition of varied for values from (0) to (4); create table varied_high partition of varied default;"
               "create table varied_gone (id int); alter table varied owner to replica; alter table varied_low owner to replica;"
               "alter table varied_high owner to replica; alter table varied_gone owner to replica;"
               "create function varied_note() returns trigger language plpgsql as $$begin insert into public.varied_gone values (old.id); return null; end$$;"
               "create trigger note after delete on varied for each row execute function varied_note()")
    stream = Stream(bank, "varied", None, 3, APPLY)
    scene = Scene(Log())
    stream.produce(scene.of(0)[0], 0)
    stream.produce(scene.of(1)[0] + scene.of(1)[1], 1)
    stream.applied(len(scene.of(0)[0]) + sum(map(len, scene.of(1))))
    stream.produce(scene.of(2)[1], 2)
    send(stream, *scene.truncate, None, 0)
    stream.produce(scene.of(0)[1], 0)
    stream.applied(len(scene.before) + len(scene.after) + 1 - len(scene.of(2)[0]))
    assert stream.rows() == Scene.REST and stream.dead_letters() == []
    assert bank.query("select id from varied_gone where id <> 5 order by id") == [(0,), (1,), (3,)]
    stream.drop()


def test_halves_of_a_changed_key(kafka, bank):
    """Both from before it: neither brings the row back, and nothing of them is left behind."""
    stream = wide(bank, "cut_halves", 2)
    bank.query("select standin.cdc_table_alter('cut_halves', 'cut_halves.topic', on_truncate => 'apply')")
    log = Log()
    for number, first in enumerate([0, 1]):
        old, new = 10 * number + 1, 10 * number + 2
        send(stream, *log.event("c", {"id": old} | WIDE), None, 0)
        leave, arrive = change_key(stream, log, old, new, WITHHELD, (0, 1))
        truncate = log.truncate()
        at = (7 if number else 0) + 1
        (arrive if first else leave)()
        stream.applied(at + (1 if first else 2))
        send(stream, *truncate, None, 0)
        (leave if first else arrive)()
        stream.applied(at + 4)
        # The half that comes has nothing to take the withheld value from, which is not guessed.
        assert wide_rows(stream) == [] and [letter[:3] for letter in stream.dead_letters()] == [(1, "22004", "note")] * first
        nothing_left(bank)
        send(stream, *log.event("c", {"id": 5} | WIDE), None, 0)
        send(stream, *log.event("d", {"id": 5}), None, 0)
        stream.applied(at + 6)
    stream.drop()


def test_it_cannot_be_exact(kafka, bank):
    """Then it is a dead letter, and says why; no row is touched."""
    log = Log()
    plain = emptied(bank, "inexact")
    put(plain, log.event("c", {"id": 1, "v": 1}))
    plain.applied(1)
    key, value = log.truncate()
    value["source"]["sequence"] = '[null,"7"]'
    send(plain, key, value, None, 0)
    plain.applied(2)
    assert "no place in the source's log" in letters(plain)[0][3] and plain.rows() == [(1, 1)]
    other = Log(commit=log.commit, micros=log.micros, name="other")
    send(plain, *other.truncate(), None, 0)
    plain.applied(3)
    assert "another database" in letters(plain)[1][3] and plain.rows() == [(1, 1)]
    plain.drop()

    keyless = emptied(bank, "keyless_emptied", columns="id int, v int")
    history = Stream(bank, "history_emptied", "id int, v int", 3, APPLY | {"kind": "history"})
    for stream, word in [(keyless, "without a key"), (history, "a history is not")]:
        send(stream, *log.truncate(), None, 0)
        stream.applied(1)
        assert word in letters(stream)[0][3]
        stream.drop()

    retained = emptied(bank, "retained")
    old, truncate = log.event("c", {"id": 1, "v": 1}), log.truncate()
    for event in [old, log.event("c", {"id": 4, "v": 2}), log.event("c", {"id": 7, "v": 3})]:
        put(retained, event)
    retained.applied(3)
    delete_records(kafka, retained.topic, 1, 2)
    send(retained, *truncate, None, 0)
    retained.applied(4)
    assert "no longer has all records of partition 1" in letters(retained)[0][3]
    assert retained.rows() == [(1, 1), (4, 2), (7, 3)]
    retained.drop()


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_table_of_several_topics(kafka, bank, partitions):
    """One topic's truncate does not take the rows of the other."""
    name = f"joint{partitions}"
    kafka.topic_create(f"{name}.second")
    stream = emptied(bank, name, partitions)
    bank.query("select standin.cdc_table_add(%s, %s, %s)", [name, f"{name}.second", name])
    log = Log()
    kafka.produce(f"{name}.second", [log.event("c", {"id": 100, "v": 1})])
    await_("its row", lambda: stream.rows() == [(100, 1)])
    send(stream, *log.truncate(), None, 0)
    await_("the dead letter", lambda: len(letters(stream)) == 1)
    assert "rows of other topics" in letters(stream)[0][3] and stream.rows() == [(100, 1)]
    stream.drop()

    pattern = f"silos{partitions}"
    bank.query(f"create table {pattern} (id int primary key, v int); alter table {pattern} owner to replica")
    for word in ("a", "b"):
        kafka.topic_create(f"{pattern}.{word}", partitions)
    bank.query("select standin.cdc_source_create(%s, 'kafka'); select standin.cdc_table_add(%s, %s, %s, on_truncate => 'apply')",
               [pattern, pattern, f"^{pattern}[.]", pattern])
    kafka.produce(f"{pattern}.a", [log.event("c", {"id": 1, "v": 1})], 0)
    kafka.produce(f"{pattern}.b", [log.event("c", {"id": 2, "v": 2})], 0)
    rows = lambda: bank.query(f"select * from {pattern} order by id")
    await_("both rows", lambda: rows() == [(1, 1), (2, 2)])
    kafka.produce(f"{pattern}.b", [({"id": 0}, log.truncate()[1])], 0)
    await_("the dead letter", lambda: bank.value("select count(*) from standin.cdc_dead_letters where source = %s", [pattern]) == 1)
    assert rows() == [(1, 1), (2, 2)]
    bank.query("select standin.cdc_source_drop(%s)", [pattern])


def test_a_withheld_value_after_it(kafka, bank):
    """The row was created again after the truncate, with all its values: the update that withholds one kept that."""
    stream = emptied(bank, "placeheld", columns="id int primary key, note text, v int")
    log = Log()
    put(stream, log.event("c", {"id": 1, "note": "old", "v": 1}))
    truncate = log.truncate()
    for event in [log.event("c", {"id": 1, "note": "new", "v": 2}), log.event("u", {"id": 1, "note": PLACEHOLDER, "v": 3})]:
        put(stream, event)
    stream.applied(3)
    send(stream, *truncate, None, 0)
    put(stream, log.event("u", {"id": 1, "note": PLACEHOLDER, "v": 4}))
    stream.applied(5)
    assert stream.rows() == [(1, "new", 4)] and stream.dead_letters() == []
    stream.drop()
