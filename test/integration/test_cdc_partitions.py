"""Several workers a source, topics by pattern, and conflicts that what is on its way resolves."""

import pytest

from harness.await_ import await_
from streams import Stream, event, kafka  # noqa: F401
from test_cdc_events import STORED, WIDE, WITHHELD, Log, change_key, nothing_left, send, wide, wide_rows


def workers(bank, source):
    return bank.query("select key, pid from standin.stat_worker where kind = 'cdc' and split_part(key, '/', 1) = %s and state = 'running'",
                      [source])


def test_workers(kafka, bank):
    """Three workers share six partitions; their number changes in mid-stream; each record is applied once."""
    bank.query("create table shared_log (id int, v int, by_worker text); alter table shared_log owner to replica")
    stream = Stream(bank, "shared", "id int primary key, v int", partitions=6, workers=3, batch_records=50)
    bank.query("""create function note_row() returns trigger language plpgsql as
                      $$begin insert into public.shared_log values (new.id, new.v, current_setting('application_name')); return new; end$$;
                  create trigger note after insert or update on shared for each row execute function note_row()""")
    await_("three workers", lambda: len(workers(bank, "shared")) == 3)

    def produce(first, last):
        for partition in range(6):
            stream.produce([event("c", {"id": i, "v": i}) for i in range(first + partition, last, 6)], partition)
    produce(0, 3000)
    await_("all three at work", lambda: bank.value("select count(distinct by_worker) from shared_log") == 3)
    bank.query("select standin.cdc_source_alter('shared', workers => 1)")
    produce(3000, 6000)
    await_("one worker", lambda: len(workers(bank, "shared")) == 1)
    bank.query("select standin.cdc_source_alter('shared', workers => 2)")
    produce(6000, 9000)
    stream.applied(9000)
    assert bank.value("select count(*) from shared") == 9000
    assert bank.query("select count(*), count(distinct id) from shared_log") == [(9000, 9000)]
    assert stream.dead_letters() == []
    stream.drop()


def test_two_workers_one_partition(kafka, bank):
    """Whoever finds that an offset was moved by another drops what it did and begins anew from there."""
    stream = Stream(bank, "raced", "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    with bank.service.connect(bank.DATABASE) as other, other.cursor() as cursor:
        cursor.execute("update standin_private.kafka_offset set next_offset = 2 where consumer = 'raced'")
        stream.produce([event("c", {"id": 2, "v": 2}), event("c", {"id": 3, "v": 3})])
        await_("the worker to wait for the row", lambda: bank.value(
            "select count(*) from pg_stat_activity where application_name = 'pg_standin cdc raced' and wait_event_type = 'Lock'") == 1)
    stream.applied(3)
    assert stream.rows() == [(1, 1), (3, 3)]
    stream.drop()


def test_pattern(kafka, bank):
    """Topics that match go into one table, those that come later too; named and internal ones do not."""
    bank.kafka.topic_create("silo.a")
    bank.kafka.topic_create("silo.named")
    bank.query("create table merged (id int primary key, v int); create table named (id int primary key, v int);"
               "alter table merged owner to replica; alter table named owner to replica")
    with pytest.raises(Exception, match="invalid regular expression"):
        bank.query("select standin.cdc_source_create('silo', 'kafka'); select standin.cdc_table_add('silo', '^silo(', 'merged')")
    bank.query("select standin.cdc_source_create('silo', 'kafka')")
    bank.query(r"select standin.cdc_table_add('silo', '^silo\.', 'merged')")
    bank.query("select standin.cdc_table_add('silo', 'silo.named', 'named')")
    bank.kafka.produce("silo.a", [event("c", {"id": 1, "v": 1})])
    bank.kafka.produce("silo.named", [event("c", {"id": 9, "v": 9})])
    await_("the first topic", lambda: bank.query("select * from merged") == [(1, 1)])
    await_("the named topic", lambda: bank.query("select * from named") == [(9, 9)])
    bank.kafka.topic_create("silo.b")
    bank.kafka.produce("silo.b", [event("c", {"id": 2, "v": 2})])
    await_("the later topic", lambda: bank.query("select * from merged order by id") == [(1, 1), (2, 2)], 90)
    assert bank.query("select topic, next_offset from standin.stat_cdc where source = 'silo' order by topic") == [
        ("silo.a", 1), ("silo.b", 1), ("silo.named", 1)]
    bank.query(r"select standin.cdc_table_remove('silo', '^silo\.')")
    assert bank.query("select topic from standin_private.kafka_offset where consumer = 'silo'") == [("silo.named",)]
    bank.query("select standin.cdc_source_drop('silo')")


def test_conflicts_that_pass(kafka, bank):
    """A child before its parent, a unique value before it is given up: tried again while the missing record may come."""
    bank.query("create table parent (id int primary key); create table child (id int primary key, parent int references parent, code int unique);"
               "alter table parent owner to replica; alter table child owner to replica")
    bank.kafka.topic_create("family.parent")
    bank.kafka.topic_create("family.child", 2)
    bank.query("select standin.cdc_source_create('family', 'kafka', conflict_timeout => '1 hour')")
    bank.query("select standin.cdc_table_add('family', 'family.parent', 'parent'); select standin.cdc_table_add('family', 'family.child', 'child')")
    state = lambda: bank.query("select state, detail from standin.cdc_sources where source = 'family'")[0]
    letters = lambda: bank.query("select topic, record_offset, sqlstate from standin.cdc_dead_letters where source = 'family' order by 1, 2")

    bank.kafka.produce("family.child", [event("c", {"id": 1, "parent": 7, "code": 1})], 0)
    await_("it to wait", lambda: state()[0] == "waiting" and "foreign key" in state()[1])
    bank.kafka.produce("family.parent", [event("c", {"id": 7})])
    await_("the child", lambda: bank.query("select * from child") == [(1, 7, 1)])
    bank.kafka.produce("family.child", [event("c", {"id": 2, "parent": 7, "code": 1})], 1)
    await_("it to wait", lambda: state()[0] == "waiting" and "unique" in state()[1])
    bank.kafka.produce("family.child", [event("u", {"id": 1, "parent": 7, "code": 3})], 0)
    await_("the value to change hands", lambda: bank.query("select * from child order by id") == [(1, 7, 3), (2, 7, 1)])
    assert letters() == []

    bank.query("select standin.cdc_source_alter('family', conflict_timeout => '1 second')")
    bank.kafka.produce("family.child", [event("c", {"id": 3, "parent": 8, "code": 9}), event("c", {"id": 4, "parent": 7, "code": 4})], 0)
    await_("a dead letter", lambda: letters() == [("family.child", 2, "23503")])
    await_("what follows it", lambda: bank.value("select count(*) from child") == 3)
    bank.query("select standin.cdc_source_drop('family')")


def test_the_halves_of_a_changed_key_at_once(kafka, bank):
    """Two workers have them at the same time, neither committed: the insert does not take what the row no longer holds."""
    stream = wide(bank, "halved", 2, workers=2, batch_records=1000)
    log = Log()
    send(stream, *log.event("c", {"id": 1} | WIDE), None, 0)
    send(stream, *log.event("c", {"id": 8} | WIDE), None, 0)
    stream.applied(2)
    late = log.event("u", {"id": 1} | WITHHELD | {"note": "late"})
    leave, arrive = change_key(stream, log, 1, 2, WITHHELD, (0, 1))
    blocked = "select count(*) from pg_stat_activity where application_name like 'pg_standin cdc halved%%' and wait_event_type = 'Lock'"
    bank.query("select standin.cdc_pause('halved')")
    await_("the pause", lambda: stream.state() == "paused")
    send(stream, *late, None, 0)
    leave()
    send(stream, *log.event("u", {"id": 8} | WITHHELD | {"v": 8}), None, 0)
    with bank.service.connect(bank.DATABASE, autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("select * from halved where id = 8 for update")
        bank.query("select standin.cdc_resume('halved')")
        await_("the delete's worker to be held up", lambda: bank.value(blocked) == 1)
        arrive()
        await_("the insert's worker to wait for it", lambda: bank.value(blocked) == 2)
    stream.applied(7)
    assert wide_rows(stream) == [(2, 2, "late", *STORED[1:]), (8, 8, *STORED)]
    assert stream.dead_letters() == []
    nothing_left(bank)
    stream.drop()


def test_a_changed_key_whose_old_row_is_on_its_way(kafka, bank):
    """The insert is far ahead: even the old row is still to come."""
    stream = wide(bank, "ahead", 2, conflict_timeout="'1 hour'")
    log = Log()
    create = log.event("c", {"id": 1} | WIDE)
    leave, arrive = change_key(stream, log, 1, 2, WITHHELD, (0, 1))
    arrive()
    await_("it to wait", lambda: stream.state() == "waiting")
    send(stream, *create, None, 0)
    leave()
    stream.applied(4)
    assert wide_rows(stream) == [(2, 2, *STORED)] and stream.dead_letters() == []
    nothing_left(bank)
    bank.query("select standin.cdc_source_alter('ahead', conflict_timeout => '1 second')")
    for half in change_key(stream, log, 5, 6, WITHHELD, (0, 1)):
        half()
    stream.applied(7)
    assert [row[1] for row in stream.dead_letters()] == ["22004"]
    stream.drop()
