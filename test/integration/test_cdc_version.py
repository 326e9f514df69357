"""A source is changed while it is at work: once the change is committed, nothing is applied any more by what was before."""

import contextlib
import threading

import psycopg2
import pytest

from harness.await_ import await_
from streams import Stream, event, kafka  # noqa: F401
from test_cdc_events import PLACEHOLDER, Log, change_key

CLEAR = "4111111111111111"


class Load:
    """Sends row after row with a confidential value, until it is left."""

    def __init__(self, stream):
        self.stream = stream
        self.sent = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.is_set():
            self.stream.produce([event("c", {"id": i, "pan": CLEAR, "v": i}) for i in range(self.sent, self.sent + 500)])
            self.sent += 500

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def in_the_clear(stream):
    return stream.bank.value(f"select count(*) from {stream.name} where pan = %s", [CLEAR])


@pytest.mark.parametrize("workers", [1, 3])
def test_a_mask_holds_from_its_commit_on(kafka, bank, workers):
    stream = Stream(bank, f"hiding{workers}", "id int primary key, pan text, v int", partitions=workers, workers=workers)
    mapping = [stream.name, stream.topic, "pan"]
    with Load(stream) as load:
        for _ in range(5):
            before = in_the_clear(stream)
            await_("rows in the clear", lambda before=before: in_the_clear(stream) > before)
            bank.query("select standin.cdc_column_map(%s, %s, %s, mask => 'last4')", mapping)
            before = in_the_clear(stream)
            reached = stream.stat("sum(next_offset)")
            await_("more rows", lambda reached=reached: stream.stat("sum(next_offset)") > reached + 1000)
            assert in_the_clear(stream) == before
            bank.query("select standin.cdc_column_unmap(%s, %s, %s)", mapping)
    stream.applied(load.sent, 120)
    assert stream.bank.value(f"select count(*) from {stream.name}") == load.sent and stream.dead_letters() == []
    stream.drop()


def test_a_pause_holds_from_its_commit_on(kafka, bank):
    stream = Stream(bank, "resting", "id int primary key, pan text, v int", partitions=3, workers=3)
    reached = lambda: bank.value("select sum(next_offset) from standin_private.kafka_offset where consumer = 'resting'")
    resting = lambda: bank.value("select count(*) from standin.stat_worker where kind = 'cdc' and split_part(key, '/', 1) = 'resting' "
                                 "and state = 'paused'")
    with Load(stream) as load:
        for _ in range(5):
            before = reached() or 0
            await_("records", lambda before=before: (reached() or 0) > before + 1000)
            bank.query("select standin.cdc_pause('resting')")
            before = reached()
            await_("all workers to know", lambda: resting() == 3)
            assert reached() == before
            bank.query("select standin.cdc_resume('resting')")
    stream.applied(load.sent, 120)
    assert bank.value("select count(*) from resting") == load.sent
    stream.drop()


def poison(i):
    return event("c", {"id": i, "pan": CLEAR, "v": "poison"})


@contextlib.contextmanager
def masking(bank, stream, isolation="read committed"):
    """A session that masks the column, and has not committed yet."""
    connection = bank.service.connect(bank.DATABASE, autocommit=False)
    connection.set_session(isolation_level=isolation)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("select standin.cdc_column_map(%s, %s, 'pan', mask => 'last4')", [stream.name, stream.topic])
        yield connection


@pytest.fixture(params=["read committed", "serializable"])
def isolation(bank, request):
    """What transactions of the database begin with."""
    bank.query(f"alter database {bank.DATABASE} set default_transaction_isolation = '{request.param}'")
    yield request.param
    bank.query(f"alter database {bank.DATABASE} reset default_transaction_isolation")


def test_a_change_waits_for_nobody_and_holds_up_nobody_until_its_commit(kafka, bank, isolation):
    stream = Stream(bank, f"meanwhile_{isolation[0]}", "id int primary key, pan text, v int")
    with masking(bank, stream) as session:
        stream.produce([event("c", {"id": 1, "pan": CLEAR, "v": 1})])
        stream.applied(1)
        with session.cursor() as cursor:
            cursor.execute("set constraints all immediate")  # the commit's part that comes before its end
        stream.produce([event("c", {"id": 2, "pan": CLEAR, "v": 2})])
        await_("the worker to wait", lambda: bank.value("select count(*) from pg_locks where not granted and locktype = 'advisory' and pid = %s",
                                                        [stream.pid()]) == 1)
        assert stream.rows() == [(1, CLEAR, 1)]
        session.commit()
    stream.applied(2)
    assert stream.rows() == [(1, CLEAR, 1), (2, "************1111", 2)]
    stream.drop()


def test_a_change_that_waits_for_another_holds_up_no_worker(kafka, bank):
    stream = Stream(bank, "twofold", "id int primary key, pan text, v int")
    with masking(bank, stream) as waiting, contextlib.closing(bank.service.connect(bank.DATABASE, autocommit=False)) as idle:
        with idle.cursor() as cursor:
            cursor.execute("select standin.cdc_source_alter('twofold', rounding => 'round')")
        commit = threading.Thread(target=waiting.commit)
        commit.start()
        await_("it to wait", lambda: bank.value("select wait_event_type from pg_stat_activity where pid = %s", [waiting.info.backend_pid]) == "Lock")
        stream.produce([event("c", {"id": 1, "pan": CLEAR, "v": 1})])
        stream.applied(1)
        idle.rollback()
        commit.join()
    stream.produce([event("c", {"id": 2, "pan": CLEAR, "v": 2})])
    stream.applied(2)
    assert [row[1] for row in stream.rows()] == [CLEAR, "************1111"]
    stream.drop()


def test_no_dead_letter_holds_it_either(kafka, bank):
    """Also of those that come between the look for them and the commit."""
    stream = Stream(bank, "buried", "id int primary key, pan text, v int")
    with masking(bank, stream) as session:
        stream.produce([poison(1)])
        stream.applied(1)
        with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match='hold the field "pan" in the clear'):
            session.commit()
    bank.query("select standin.cdc_dead_letter_discard('buried', reason => 'test', everything => true)")
    with masking(bank, stream) as session:
        session.commit()
    stream.produce([poison(2)])
    stream.applied(2)
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="isolation level repeatable read"), \
         masking(bank, stream, "repeatable read") as session:
        session.commit()
    (offset, *_, value), = stream.dead_letters()
    assert offset == 1 and CLEAR not in (value or "")
    stream.drop()


def test_nor_is_it_kept_between_the_halves_of_a_changed_key(kafka, bank):
    """What the row of the old key stored is not put into that of the new one."""
    stream = Stream(bank, "halfway", "id int primary key, pan text, v int", batch_records=1)
    log = Log()
    stream.produce([log.event("c", {"id": 1, "pan": CLEAR, "v": 1})])
    leave, arrive = change_key(stream, log, 1, 2, {"pan": PLACEHOLDER, "v": 1})
    leave()
    stream.applied(3)
    kept = lambda: bank.query("select stored::text from standin_private.cdc_key_change where source = 'halfway'")
    assert CLEAR in kept()[0][0]
    bank.query("select standin.cdc_column_map('halfway', 'halfway.topic', 'pan', mask => 'last4')")
    await_("it to be masked", lambda: CLEAR not in str(kept()))
    arrive()
    stream.applied(4)
    assert stream.rows() == [(2, "************1111", 1)] and stream.dead_letters() == []
    stream.drop()


def test_a_mask_amid_a_changed_key(kafka, bank):
    """The worker has the first half, and not committed, when the mask is: it begins again."""
    stream = Stream(bank, "entangled", "id int primary key, pan text, v int", partitions=2)
    log = Log()
    stream.produce([log.event("c", {"id": 1, "pan": CLEAR, "v": 1}), log.event("c", {"id": 8, "pan": CLEAR, "v": 8})], 0)
    stream.applied(2)
    bank.query("select standin.cdc_pause('entangled')")
    leave, arrive = change_key(stream, log, 1, 2, {"pan": PLACEHOLDER, "v": 1}, (0, 1))
    leave()
    stream.produce([log.event("u", {"id": 8, "pan": CLEAR, "v": 9})], 0)
    waits = lambda pid: bank.value("select wait_event_type = 'Lock' from pg_stat_activity where pid = %s", [pid])
    with contextlib.closing(bank.service.connect(bank.DATABASE, autocommit=False)) as other, other.cursor() as cursor:
        cursor.execute("select * from entangled where id = 8 for update")
        bank.query("select standin.cdc_resume('entangled')")
        await_("the worker to wait", lambda: waits(stream.pid()))
        with masking(bank, stream) as session:
            session.commit()
        other.rollback()
    arrive()
    stream.applied(6)
    assert stream.rows() == [(2, "************1111", 1), (8, "************1111", 9)] and stream.dead_letters() == []
    stream.drop()


@pytest.mark.parametrize("way", [{"mask": "last4"}, {"hash": True}])
def test_a_row_from_before_that_changes_its_key(kafka, bank, way):
    """It is not cleaned up yet: the value that its event withholds is masked on the way, or not known."""
    name = "late_" + "".join(way)
    bank.query("create user mapping if not exists for standin_owner server kafka options (\"cdc.hash.key\" 'a secret of some length')")
    stream = Stream(bank, name, "id int primary key, pan text, v int")
    log = Log()
    stream.produce([log.event("c", {"id": 1, "pan": CLEAR, "v": 1})])
    stream.applied(1)
    word, argument = next(iter(way.items()))
    bank.query(f"select standin.cdc_column_map(%s, %s, 'pan', {word} => %s)", [name, stream.topic, argument])
    for half in change_key(stream, log, 1, 2, {"pan": PLACEHOLDER, "v": 1}):
        half()
    stream.applied(4)
    assert stream.rows() == ([(2, "************1111", 1)] if "mask" in way else [])
    assert [letter[1:3] for letter in stream.dead_letters()] == ([] if "mask" in way else [("22004", "pan")])
    stream.drop()
