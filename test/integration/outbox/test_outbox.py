"""The outbox: what transactions publish is in Kafka once each, in the order of commits, and nothing else is."""

import threading
import uuid

import pytest

from harness.await_ import await_
from readers import Outbox, kafka  # noqa: F401


@pytest.fixture(scope="module")
def outbox(kafka, bank):
    made = Outbox(bank, "main", topics=("a", "b", "c"), partitions=1)
    yield made
    made.drop()


def test_an_event_becomes_a_record(outbox):
    with outbox.connect() as session, session.cursor() as cursor:
        cursor.execute("select standin.outbox_publish(%s, 'k', '{\"amount\": 1.50}'::jsonb, '{\"trace\": \"t1\", \"n\": 7.50, \"big\": 123456789012345678901234567890, \"ok\": true, \"no\": null}',"
                       " event_type => 'Paid')", [outbox.topics["a"]])
        event_id = cursor.fetchone()[0]
        session.commit()
    outbox.drained()
    key, value, headers = outbox.records("a")[0]
    assert (key, value) == ("k", '{"amount": 1.50}')
    assert headers == {"id": str(event_id), "eventType": "Paid", "trace": "t1", "n": "7.50", "big": "123456789012345678901234567890", "ok": "true", "no": "NULL"}
    assert uuid.UUID(str(event_id)).version == 7


def test_texts_bytes_tombstones_and_no_key(outbox):
    with outbox.connect() as session, session.cursor() as cursor:
        for payload in ("'text'", "'\\x6279746573'::bytea", "null::text", "''"):
            cursor.execute(f"select standin.outbox_publish(%s, 'k', {payload})", [outbox.topics["b"]])
        cursor.execute("select standin.outbox_publish(%s, null, 'no key')", [outbox.topics["b"]])
        session.commit()
    outbox.drained()
    assert [(key, value) for key, value, _ in outbox.records("b")] == [
        ("k", "text"), ("k", "bytes"), ("k", None), ("k", ""), (None, "no key")]


def test_what_is_rolled_back_never_appears(outbox):
    with outbox.connect() as session, session.cursor() as cursor:
        say = lambda text: cursor.execute("select standin.outbox_publish(%s, 'k', %s::text)", [outbox.topics["c"], text])  # noqa: E731
        say("rolled back")
        session.rollback()
        say("first")
        cursor.execute("savepoint one")
        say("gone")
        cursor.execute("savepoint two")
        say("gone, too")
        cursor.execute("release savepoint two")
        cursor.execute("rollback to savepoint one")
        say("second")
        cursor.execute("savepoint three")
        say("third")
        cursor.execute("release savepoint three")
        session.commit()
        say("only a savepoint")  # nothing of it is left
        session.rollback()
        cursor.execute("savepoint four")
        say("only a savepoint")
        cursor.execute("rollback to savepoint four")
        session.commit()
    outbox.drained()
    assert [value for _, value, _ in outbox.records("c")] == ["first", "second", "third"]
    assert outbox.stat("waiting_transactions") == 0


def test_the_order_is_that_of_commits(outbox):
    """A writer that was first to publish and last to commit delays nobody, and comes last."""
    with outbox.connect() as slow, slow.cursor() as early:
        early.execute("select standin.outbox_publish(%s, 'order', 'slow')", [outbox.topics["a"]])
        for number in range(20):
            outbox.publish(("a", "order", f"quick {number}"))
        await_("what was committed", lambda: [v for k, v, _ in outbox.records("a") if k == "order"] == [f"quick {n}" for n in range(20)])
        slow.commit()
    outbox.drained()
    assert [v for k, v, _ in outbox.records("a") if k == "order"] == [f"quick {n}" for n in range(20)] + ["slow"]


def test_the_mark_goes_with_the_records(outbox):
    outbox.publish(("a", "k", "marked"))
    outbox.drained()
    mark = outbox.mark()
    assert (mark["timeline"], mark["seq"], mark["events"]) == outbox.bank.query(
        "select timeline, seq, events from standin.stat_outbox where relay = 'main'")[0]
    assert mark["claim"] == str(outbox.stat("claim"))


def test_prepare_is_refused(outbox):
    """Its place would be known before it commits; and nothing is left of it."""
    with outbox.connect() as session, session.cursor() as cursor:
        cursor.execute("select standin.outbox_publish(%s, 'k', 'x')", [outbox.topics["a"]])
        with pytest.raises(Exception) as refused:
            cursor.execute("prepare transaction 'p'")
        assert refused.value.pgcode in ("0A000", "55000")  # 55000: max_prepared_transactions is 0


def test_a_commit_that_is_under_way_is_waited_for(outbox):
    """It has its place and cannot be seen yet: as when a synchronous standby is slow. Whoever came after it must not pass."""
    service = outbox.bank.service
    outbox.publish(("b", "k", "before"))
    outbox.drained()
    await_("an idle relay", lambda: outbox.stat("state") == "running")
    before = len(outbox.records("b"))
    service.query("alter system set synchronous_standby_names = 'nobody'")
    service.query("select pg_reload_conf()")
    await_("the setting", lambda: service.value("show synchronous_standby_names") == "nobody")

    def wait():
        outbox.publish(("b", "k", "under way"))
    waiting = threading.Thread(target=wait)
    waiting.start()
    await_("it to wait for the standby", lambda: outbox.bank.value("select count(*) from pg_stat_activity where wait_event = 'SyncRep' and usename = 'app'"))
    with outbox.connect() as session, session.cursor() as cursor:
        cursor.execute("set synchronous_commit = local")
        cursor.execute("select standin.outbox_publish(%s, 'k', 'after it')", [outbox.topics["b"]])
        session.commit()
    await_("the relay to wait for it", lambda: outbox.bank.value(
        "select wait_event in ('virtualxid', 'SyncRep') from pg_stat_activity where pid = %s", [outbox.stat("pid")]))
    service.query("alter system reset synchronous_standby_names")
    service.query("select pg_reload_conf()")
    waiting.join(60)
    outbox.drained()
    await_("both", lambda: [value for _, value, _ in outbox.records("b")[before:]] == ["under way", "after it"], 20)
