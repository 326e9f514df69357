"""Operating change capture: seek, replay, signals to the connector, topics that change under it, thresholds."""

import json

import pytest

from harness.await_ import await_
from harness.java import command
from harness.process import run
from streams import MILLIS, Stream, event, kafka  # noqa: F401
from transactions import Transactions


def creates(numbers):
    return [event("c", {"id": number, "v": number}) for number in numbers]


def delete_records(kafka, topic, partition, before):
    """Retention at work: the partition begins at this offset from now on."""
    offsets = kafka.directory / "delete-records.json"
    offsets.write_text(json.dumps({"partitions": [{"topic": topic, "partition": partition, "offset": before}], "version": 1}))
    run(command(kafka.libs, "org.apache.kafka.tools.DeleteRecordsCommand",
                ["--bootstrap-server", kafka.brokers, "--offset-json-file", offsets]))


def recreate(kafka, topic, partitions=1):
    kafka.topic_delete(topic)
    await_("the topic to be gone", lambda: topic not in kafka.topics(), 30)
    kafka.topic_create(topic, partitions)


def pause(bank, stream):
    bank.query("select standin.cdc_pause(%s)", [stream.name])
    await_("the pause", lambda: stream.state() == "paused", 30)


def resume(bank, stream):
    bank.query("select standin.cdc_resume(%s)", [stream.name])


def trouble(stream, words):
    """Until the source says all these words."""
    await_(f"{stream.name} to say {words}", lambda: all(word in (stream.stat("detail") or "") for word in words), 60)
    assert stream.state() == "troubled" and stream.stat("error_sqlstate") == "55000"


def test_seek(kafka, bank):
    stream = Stream(bank, "seeking", "id int primary key, v int", partitions=2)
    stream.produce(creates([1, 2, 3]), 0)
    stream.produce(creates([11, 12]), 1)
    stream.applied(5)
    between = bank.value("select now()")
    await_("another millisecond", lambda: bank.value("select clock_timestamp() > %s + interval '50 ms'", [between]), 10)
    stream.produce(creates([4, 5]), 0)
    stream.applied(7)
    bank.query("insert into standin_private.cdc_position values ('seeking', 'seeking.topic', 0, 'x', '\\x00', 0)")
    # A time: partition 1 has no record so late and goes on at its end.
    bank.query("truncate seeking; select standin.cdc_seek('seeking', 'seeking.topic', \"at\" => %s)", [between])
    await_("the later records again", lambda: stream.rows() == [(4, 4), (5, 5)], 60)
    assert bank.value("select count(*) from standin_private.cdc_position where source = 'seeking'") == 0
    assert bank.query("select partition, next_offset, seek_at from standin.stat_cdc where source = 'seeking' order by 1") == [(0, 5, None), (1, 2, None)]
    # One partition from its beginning.
    bank.query("truncate seeking; select standin.cdc_seek('seeking', 'seeking.topic', 'beginning', 1)")
    await_("the partition again", lambda: stream.rows() == [(11, 11), (12, 12)], 60)
    # The end: what was there is skipped, what comes is not.
    pause(bank, stream)
    stream.produce(creates([6, 7]), 0)
    bank.query("truncate seeking; select standin.cdc_seek('seeking', 'seeking.topic', 'end')")
    assert stream.stat("max(seek_at)::text") == "infinity" and stream.stat("max(lag_messages)") is None
    resume(bank, stream)
    await_("the seek", lambda: stream.stat("sum(next_offset)") == 9 and stream.stat("count(seek_at)") == 0, 60)
    stream.produce(creates([8]), 0)
    await_("the new record", lambda: stream.rows() == [(8, 8)], 60)
    stream.drop()


def test_replay(kafka, bank):
    stream = Stream(bank, "replayed", "id int primary key, v int")
    stream.produce(creates(range(10)))
    stream.applied(10)
    bank.query("create table replica_copy (id int primary key, v int); alter table replica_copy owner to replica")
    name = bank.value("select standin.cdc_replay('replayed', 'replayed.topic', 0, 3, 6, 'replica_copy')")
    await_("the replay's end", lambda: bank.value("select state from standin.cdc_sources where source = %s", [name]) == "done", 60)
    assert bank.query("select id from replica_copy order by 1") == [(3,), (4,), (5,), (6,)]
    # New records are not for it, the original goes on.
    stream.produce(creates([10]))
    stream.applied(11)
    assert bank.query("select next_offset, inserts from standin.stat_cdc where source = %s", [name]) == [(7, 4)]
    bank.query("select standin.cdc_source_drop(%s)", [name])
    # A range that is not there any more, or not yet: an error with what there is.
    delete_records(kafka, stream.topic, 0, 5)
    for first, last, words in ((3, 6, "retention has overtaken it (Kafka has 5 to 11)"), (0, 6, "Kafka has 5 to 11"), (6, 20, "ends beyond what is there (Kafka has 5 to 11)")):
        bank.query("truncate replica_copy")
        name = bank.value("select standin.cdc_replay('replayed', 'replayed.topic', 0, %s, %s, 'replica_copy')", [first, last])
        await_("the complaint", lambda: words in (bank.value("select detail from standin.cdc_sources where source = %s", [name]) or ""), 60)
        assert bank.value("select count(*) from replica_copy") == 0
        bank.query("select standin.cdc_source_drop(%s)", [name])
    assert stream.state() == "running"
    stream.drop()


def test_signal_by_topic(kafka, bank):
    kafka.topic_create("signals")
    bank.query("create table accounts (id int primary key, v int); alter table accounts owner to replica")
    bank.query('create server registered foreign data wrapper standin_kafka options ("bootstrap.servers" %s, "schema.registry.url" %s)',
               [kafka.brokers, "http://127.0.0.1:9"])  # which is none of librdkafka's options
    bank.query("select standin.cdc_source_create('signalling', 'registered', signal_topic => 'signals', paused => true)")
    bank.query("select standin.cdc_table_add('signalling', 'core.public.accounts', 'accounts')")
    ident = bank.value("select standin.cdc_snapshot('signalling', 'public.accounts', 'id > 7')")
    await_("the signal to be sent", lambda: bank.value("select state from standin.cdc_signals where signal_id = %s", [ident]) == "sent", 60)
    (_, _, key, value), = kafka.consume("signals")
    assert key == "core"
    assert json.loads(value) == {"id": ident, "type": "execute-snapshot", "data": {
        "data-collections": ["public.accounts"], "type": "incremental",
        "additional-conditions": [{"data-collection": "public.accounts", "filter": "id > 7"}]}}
    assert bank.query("select attempts, error from standin.cdc_signals") == [(1, None)]
    bank.query("select standin.cdc_source_drop('signalling')")


def test_signal_by_table(kafka, bank):
    """Written as the table's owner; what goes wrong is said and tried again."""
    bank.query("create table signal (id varchar(42) primary key, type varchar(32) not null, data varchar(2048), by_whom name default current_user)")
    bank.query("alter table signal owner to replica; revoke insert on signal from replica")
    bank.query("create table cards (id int primary key, v int); alter table cards owner to replica")
    bank.query("select standin.cdc_source_create('tabled', 'kafka', signal_table => 'signal', paused => true)")
    bank.query("select standin.cdc_table_add('tabled', 'core.public.cards', 'cards')")
    ident = bank.value("select standin.cdc_snapshot('tabled', 'core.public.cards')")
    state = lambda: bank.query("select state, error from standin.cdc_signals where signal_id = %s", [ident])[0]
    await_("the complaint", lambda: state() == ("failing", "permission denied for table signal"), 60)
    bank.query("grant insert on signal to replica")
    await_("the signal to be sent", lambda: state() == ("sent", None), 60)
    assert bank.query("select id, type, data::jsonb, by_whom from signal") == [
        (ident, "execute-snapshot", {"type": "incremental", "data-collections": ["public.cards"]}, "replica")]
    bank.query("select standin.cdc_source_drop('tabled')")


def test_partitions_added_while_running(kafka, bank):
    stream = Stream(bank, "growing", "id int primary key, v int")
    stream.produce(creates([1]))
    stream.applied(1)
    pid = stream.pid()
    run(command(kafka.libs, "org.apache.kafka.tools.TopicCommand",
                ["--bootstrap-server", kafka.brokers, "--alter", "--topic", stream.topic, "--partitions", 3]))
    stream.produce(creates([2]), 2)
    stream.applied(2, 120)
    assert stream.rows() == [(1, 1), (2, 2)] and stream.pid() == pid
    assert bank.query("select partition, next_offset from standin.stat_cdc where source = 'growing' order by 1") == [(0, 1), (1, 0), (2, 1)]
    stream.drop()


@pytest.mark.parametrize("records,words", [
    (2, ["offset 5 of partition 0", "beyond its end (Kafka has 0 to 2)", "deleted and created again", "cdc_seek"]),
    (7, ["record 4 of partition 0", "is not the one that was applied", "cdc_seek"])])
def test_topic_recreated_while_stopped(kafka, bank, records, words):
    """Another topic of the same name, shorter or longer: nothing of it is applied before an operator says so."""
    stream = Stream(bank, f"recreated{records}", "id int primary key, v int", partitions=2)
    stream.produce(creates(range(5)), 0)
    stream.applied(5)
    pause(bank, stream)
    recreate(kafka, stream.topic, 2)
    stream.produce(creates(range(100, 100 + records)), 0)
    stream.produce(creates([200]), 1)
    resume(bank, stream)
    trouble(stream, words)
    # The other partition, of which nothing was applied yet, goes on.
    await_("the other partition", lambda: (200, 200) in stream.rows(), 60)
    assert [row[0] for row in stream.rows()] == [0, 1, 2, 3, 4, 200]
    bank.query("select standin.cdc_seek(%s, %s, 'beginning', 0)", [stream.name, stream.topic])
    await_("the new topic", lambda: len(stream.rows()) == 6 + records and stream.state() == "running", 60)
    stream.drop()


def test_topic_recreated_while_running(kafka, bank):
    stream = Stream(bank, "vanishing", "id int primary key, v int")
    stream.produce(creates(range(5)))
    stream.applied(5)
    kafka.topic_delete(stream.topic)
    await_("the complaint", lambda: stream.stat("detail") == "no such topic: vanishing.topic", 90)
    kafka.topic_create(stream.topic)
    stream.produce(creates(range(100, 110)))
    # Seen before the new records arrived, it is an end before the position; after, another record.
    trouble(stream, ["the topic was deleted and created again", "cdc_seek"])
    assert len(stream.rows()) == 5
    stream.drop()


def test_topic_recreated_under_transaction(kafka, bank):
    """Nothing of the new topic is applied before an operator says so."""
    source = Transactions(bank, "replaced", {"a": "id int primary key, v int"}, partitions=1)
    source.boundaries(("BEGIN", 1), ("END", 1, {"a": 2}))
    for order in 1, 2:
        source.event(1, order, "a", "c", {"id": order, "v": order}, 0)
    source.await_rows("a", [(1, 1), (2, 2)])
    bank.query("select standin.cdc_pause('replaced')")
    await_("the pause", lambda: source.state()[0] == "paused", 30)
    recreate(kafka, "replaced.public.a")
    source.boundaries(("BEGIN", 2), ("END", 2, {"a": 3}))
    for order in 1, 2, 3:
        source.event(2, order, "a", "c", {"id": 10 + order, "v": order}, 0)
    bank.query("select standin.cdc_resume('replaced')")
    await_("the complaint", lambda: "cdc_seek" in (source.state()[1] or "")
           or "cdc_seek" in (bank.value("select last_error from standin.cdc_sources where source = 'replaced'") or ""), 60)
    assert source.rows("a") == [(1, 1), (2, 2)]
    bank.query("select standin.cdc_seek('replaced', 'replaced.public.a', 'beginning', 0)")
    source.await_rows("a", [(1, 1), (2, 2), (11, 1), (12, 2), (13, 3)])
    source.drop()


def test_same_topic_is_recognised(kafka, bank):
    """Restarts, compaction and retention up to the position are no reason to stop."""
    stream = Stream(bank, "known", "id int primary key, v int")
    stream.produce(creates(range(5)))
    stream.applied(5)
    assert bank.query("select record_offset from standin_private.kafka_offset where consumer = 'known'") == [(4,)]
    pause(bank, stream)
    stream.produce(creates([5]))
    resume(bank, stream)
    stream.applied(6)
    pause(bank, stream)
    stream.produce(creates([6]))
    delete_records(kafka, stream.topic, 0, 6)  # the record that was taken last is gone
    resume(bank, stream)
    stream.applied(7)
    assert len(stream.rows()) == 7 and stream.stat("inserts") == 7
    stream.drop()


def test_retention_overtakes(kafka, bank):
    stream = Stream(bank, "overtaken", "id int primary key, v int", partitions=2)
    stream.produce(creates(range(3)), 0)
    stream.produce(creates([10]), 1)
    stream.applied(4)
    pause(bank, stream)
    stream.produce(creates(range(3, 9)), 0)
    stream.produce(creates([11]), 1)
    delete_records(kafka, stream.topic, 0, 7)
    resume(bank, stream)
    trouble(stream, ["offset 3 of partition 0 of topic overtaken.topic is no longer there", "(Kafka has 7 to 9)", "cdc_seek"])
    await_("the other partition", lambda: (11, 11) in stream.rows(), 60)
    assert (7, 7) not in stream.rows()
    bank.query("select standin.cdc_seek('overtaken', 'overtaken.topic', 'beginning', 0)")
    await_("what is left", lambda: [row[0] for row in stream.rows()] == [0, 1, 2, 7, 8, 10, 11], 60)
    stream.drop()


def test_too_many_dead_letters(kafka, bank):
    stream = Stream(bank, "flooded", "id int primary key, v int", batch_records=5, dead_letter_limit=20, dead_letter_window="'1 hour'")
    stream.produce(creates([1]) + [({"id": number}, "poison") for number in range(100)] + creates([2]))
    await_("the pause", lambda: stream.state() == "paused", 60)
    letters = stream.stat("dead_letters")
    # One more than the limit, and no more than the batch in which that happened.
    assert 20 < letters <= 25 and stream.stat("next_offset") == letters + 1
    assert bank.query("select paused, pause_reason, detail from standin.cdc_sources where source = 'flooded'") == [
        (True, "more than 20 dead letters within 01:00:00", "more than 20 dead letters within 01:00:00")]
    # Resuming counts anew, so it comes further each time.
    for _ in range(10):
        resume(bank, stream)
        before = letters
        await_("progress and the next pause, or the end",
               lambda: stream.stat("next_offset") == 102 or (stream.stat("dead_letters") > before and bank.value("select paused from standin.cdc_sources where source = 'flooded'")), 60)
        letters = stream.stat("dead_letters")
        if stream.stat("next_offset") == 102:
            break
    assert letters == 100 and stream.rows() == [(1, 1), (2, 2)]
    stream.drop()


def test_views(kafka, bank):
    stream = Stream(bank, "viewed", "id int primary key, v int")
    # Debezium took two seconds, the rest is our share.
    source = {"version": "3.6.1.Final", "connector": "postgresql", "ts_ms": MILLIS, "snapshot": "false", "lsn": 1}
    stream.produce([({"id": 1}, {"before": None, "after": {"id": 1, "v": 1}, "source": source, "op": "c", "ts_ms": MILLIS + 2000})])
    stream.applied(1)
    await_("the state", lambda: stream.state() == "running", 30)
    assert stream.stat("lag_messages") == 0 and stream.stat("lag_seconds") == 0
    assert stream.stat("batches") == 1 and stream.stat("bytes") > 100
    assert stream.stat("memory_bytes") > 1 << 20
    assert bank.value("select memory_bytes from standin.stat_worker where kind = 'cdc' and key = 'viewed'") > 1 << 20
    assert float(stream.stat("debezium_seconds")) == 2
    pause(bank, stream)
    stream.produce(creates([2]))
    # A paused worker does not know how far the source is by now, and says so.
    assert stream.stat("lag_messages") is None and stream.stat("lag_seconds") is None
    stream.drop()
