"""What stops a relay: each has its state, says what helps, skips nothing and goes on by itself or by an operator's word."""

import json

import psycopg2
import pytest

from harness.await_ import await_
from harness.process import run
from harness.java import command
from readers import Outbox, kafka, read  # noqa: F401


@pytest.fixture(scope="module")
def outbox(kafka, bank):
    return Outbox(bank, "states", topics=("a", "b"))


def values(outbox, topic):
    return [value for _, value, _ in outbox.records(topic)]


def alter_topic(kafka, topic, setting):
    run(command(kafka.libs, "kafka.admin.ConfigCommand", ["--bootstrap-server", kafka.brokers, "--alter", "--entity-type", "topics",
                                                          "--entity-name", topic, "--add-config", setting]))


def write_mark(outbox, mark):
    outbox.bank.kafka.produce(f"standin.outbox.{outbox.name}", [(outbox.name, mark)])


def restart(outbox):
    """Another process of the relay."""
    pid = outbox.stat("pid")
    outbox.bank.query("select pg_terminate_backend(%s)", [pid])
    await_("another process", lambda: outbox.stat("pid") not in (None, pid))


def test_a_missing_topic_is_not_created(outbox):
    outbox.define("states.missing")
    outbox.topics["missing"] = "states.missing"
    outbox.publish(("a", "k", "before"), ("missing", "k", "it"), ("a", "k", "with it"))
    outbox.publish(("a", "k", "after"))
    detail = outbox.await_state("blocked")
    assert "topic states.missing does not exist in Kafka: create topic states.missing in Kafka" in detail
    assert "states.missing" not in outbox.bank.kafka.topics() and values(outbox, "a") == []
    assert outbox.stat("blocked_event") is not None
    outbox.bank.kafka.topic_create("states.missing")
    outbox.drained()
    assert values(outbox, "a") == ["before", "with it", "after"] and values(outbox, "missing") == ["it"]
    await_("it to run", lambda: outbox.stat("state") == "running")


def test_an_event_too_large_for_the_topic_is_discarded_by_a_person_alone(outbox):
    alter_topic(outbox.bank.kafka, "states.b", "max.message.bytes=2000")
    outbox.publish(("b", "k", "before"))
    outbox.publish(("b", "k", "fits"), ("b", "k", "x" * 5000), ("b", "k", "fits, too"))
    outbox.publish(("b", "k", "after"))
    detail = outbox.await_state("blocked")
    assert "raise max.message.bytes of topic states.b" in detail
    await_("what is before it", lambda: values(outbox, "b") == ["before"])
    event = await_("its name", lambda: outbox.stat("blocked_event"))
    assert str(event) in detail
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):  # another one
        outbox.bank.query("select standin.outbox_event_discard(gen_random_uuid(), 'x')")
    with pytest.raises(psycopg2.errors.InvalidParameterValue):
        outbox.bank.query("select standin.outbox_event_discard(%s, ' ')", [event])
    outbox.bank.query("select standin.outbox_event_discard(%s, 'told them by telephone')", [event])
    outbox.drained()
    assert values(outbox, "b") == ["before", "fits", "fits, too", "after"]
    assert outbox.bank.query("select event_id, topic, octet_length(payload), discarded_by, reason from standin.outbox_discarded where relay = 'states'") == [
        (event, "states.b", 5000, "postgres", "told them by telephone")]
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        outbox.bank.query("delete from standin_private.outbox_discarded")


def test_an_event_is_discarded_while_the_relay_looks_again(outbox):
    """It has read what waits, and the event goes: it reads again."""
    bank = outbox.bank
    outbox.publish(("b", "k", "one"), ("b", "k", "z" * 5000), ("b", "k", "two"))
    outbox.await_state("blocked")
    event = await_("its name", lambda: outbox.stat("blocked_event"))
    pid, errors = outbox.stat("pid"), outbox.stat("last_error")
    with bank.service.connect("bank", autocommit=False) as operator:
        with operator.cursor() as cursor:
            cursor.execute("select standin.outbox_event_discard(%s, 'it was too long')", [event])
        await_("the relay to wait for the operator", lambda: bank.value(
            "select wait_event_type from pg_stat_activity where pid = %s", [pid]) == "Lock")
        operator.commit()
    operator.close()
    outbox.drained()
    assert values(outbox, "b")[-2:] == ["one", "two"]
    assert outbox.stat("pid") == pid and "events where" not in (outbox.stat("last_error") or ""), errors


def test_too_large_and_then_the_topic_takes_it(outbox):
    outbox.publish(("b", "k", "y" * 5000))
    outbox.await_state("blocked")
    alter_topic(outbox.bank.kafka, "states.b", "max.message.bytes=1048588")
    outbox.drained()
    assert values(outbox, "b")[-1] == "y" * 5000


def test_a_pause_holds_everything_back(outbox):
    outbox.bank.query("select standin.outbox_relay_pause('states', 'an audit')")
    assert outbox.await_state("paused") == "an audit"
    outbox.publish(("a", "k", "paused"))
    assert outbox.stat("waiting_rows") == 1
    outbox.bank.query("select standin.outbox_relay_resume('states')")
    outbox.drained()
    assert values(outbox, "a")[-1] == "paused"


def test_full_is_an_error_if_so_wished(outbox):
    outbox.bank.query("select standin.outbox_relay_alter('states', max_rows => 3, on_full => 'error')")
    outbox.bank.query("select standin.outbox_relay_pause('states')")
    for number in range(3):
        outbox.publish(("a", "k", f"full {number}"))
    await_("it to be seen", lambda: outbox.bank.value("select is_full from standin_private.outbox_progress where relay = 'states'"))
    with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded):
        outbox.publish(("a", "k", "one too many"))
    outbox.bank.query("select standin.outbox_relay_resume('states')")
    outbox.drained()
    await_("room", lambda: not outbox.bank.value("select is_full from standin_private.outbox_progress where relay = 'states'"))
    outbox.publish(("a", "k", "room"))
    outbox.drained()
    assert values(outbox, "a")[-4:] == ["full 0", "full 1", "full 2", "room"]
    outbox.bank.query("select standin.outbox_relay_reset('states', 'max_rows', 'on_full')")


def test_a_mark_of_another_server_stops_it_for_good(outbox):
    """A copy of this database that runs elsewhere, or the one that this is a copy of."""
    await_("it to run", lambda: outbox.stat("state") == "running")
    stranger = {**outbox.mark(), "claim": "11111111-2222-3333-4444-555555555555", "system": "7000000000000000000"}
    write_mark(outbox, stranger)
    restart(outbox)
    detail = outbox.await_state("fenced")
    assert "another server, or by a copy of this database (system identifier 7000000000000000000" in detail and "outbox_relay_adopt" in detail
    marks = len(read(outbox.bank.kafka, "standin.outbox.states"))
    outbox.publish(("a", "k", "fenced"))
    restart(outbox)
    outbox.await_state("fenced")
    assert len(read(outbox.bank.kafka, "standin.outbox.states")) == marks and outbox.stat("waiting_rows") == 1
    for choice, reason in (("from_nowhere", "x"), ("from_mark", " ")):
        with pytest.raises(psycopg2.errors.InvalidParameterValue):
            outbox.bank.query("select standin.outbox_relay_adopt('states', %s, %s)", [choice, reason])
    outbox.bank.query("select standin.outbox_relay_adopt('states', 'from_mark', 'the copy was a drill')")
    outbox.drained()
    assert values(outbox, "a")[-1] == "fenced" and outbox.mark()["system"] != stranger["system"]
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        outbox.bank.query("select standin.outbox_relay_adopt('states', 'from_mark', 'again')")


def adopted(outbox):
    await_("it to be done", lambda: outbox.bank.value("select count(*) from standin_private.outbox_adoption where applied_at is null") == 0)


def test_a_mark_beyond_what_is_known_here(outbox):
    """This server was put back: Kafka has events that it lost. What was published since then was never sent, whatever number
    it has; what is taken for sent leaves its trace."""
    bank = outbox.bank
    outbox.publish(("a", "k", "known"))
    outbox.drained()
    ahead = outbox.mark()
    bank.query("select standin.outbox_relay_pause('states')")
    outbox.await_state("paused")
    outbox.publish(("a", "k", "sent already, the mark says"))
    ahead = {**ahead, "seq": ahead["seq"] + 7, "events": ahead["events"] + 9, "at": str(bank.value("select standin_private.clock_now()"))}
    write_mark(outbox, ahead)
    outbox.publish(("a", "k", "of later than the mark"))
    bank.query("select standin.outbox_relay_resume('states')")
    detail = outbox.await_state("diverged")
    assert f"{ahead['timeline']}/{ahead['seq']}" in detail and "events are in Kafka that were lost here, 7 of them" in detail
    bank.query("select standin.outbox_relay_adopt('states', 'from_mark', 'they were there')")
    outbox.drained()
    outbox.publish(("a", "k", "next"))
    outbox.drained()
    assert values(outbox, "a")[-3:] == ["known", "of later than the mark", "next"]
    gone = bank.query("select topic, key, convert_from(payload, 'utf8'), discarded_by, reason from standin.outbox_discarded order by discard_number desc limit 1")[0]
    assert gone[:4] == ("states.a", "k", "sent already, the mark says", "postgres")
    assert "they were there" in gone[4] and f"{ahead['timeline']}/{ahead['seq']}" in gone[4]


def test_a_mark_of_a_later_timeline(outbox):
    """pg_upgrade begins at timeline 1 again: each event that waits is before the mark, and none of them was sent."""
    bank = outbox.bank
    later = outbox.mark()
    bank.query("select standin.outbox_relay_pause('states')")
    outbox.await_state("paused")
    write_mark(outbox, {**later, "timeline": later["timeline"] + 3})
    outbox.publish(("a", "k", "upgraded 1"))
    outbox.publish(("a", "k", "upgraded 2"))
    bank.query("select standin.outbox_relay_resume('states')")
    assert "this server is on" in outbox.await_state("fenced")
    bank.query("select standin.outbox_relay_adopt('states', 'from_mark', 'it was upgraded')")
    outbox.drained()
    assert values(outbox, "a")[-2:] == ["upgraded 1", "upgraded 2"]


def test_a_mark_whose_time_is_none(outbox):
    """Nobody knows what it covers: nothing is forgotten on its word."""
    bank = outbox.bank
    await_("it to run", lambda: outbox.stat("state") == "running")
    write_mark(outbox, {**outbox.mark(), "claim": "11111111-2222-3333-4444-555555555555", "at": "2026-13-45"})
    restart(outbox)
    outbox.await_state("fenced")
    outbox.publish(("a", "k", "kept"))
    bank.query("select standin.outbox_relay_adopt('states', 'from_mark', 'a try')")
    await_("a refusal", lambda: "adopt with from_here" in (outbox.stat("hint") or ""))
    assert outbox.stat("waiting_rows") == 1 and outbox.stat("state") == "fenced"
    bank.query("select standin.outbox_relay_adopt('states', 'from_here', 'it was nobody')")
    outbox.drained()
    assert values(outbox, "a")[-1] == "kept"


def test_a_decision_is_of_the_mark_it_was_made_for(outbox):
    """Two administrators decide, and the second commits when the first one's decision is done: it is not kept for the next
    time that something is wrong."""
    bank = outbox.bank
    await_("it to run", lambda: outbox.stat("state") == "running")

    def stray(claim):
        write_mark(outbox, {**outbox.mark(), "claim": claim})
        restart(outbox)
        outbox.await_state("fenced")
    stray("11111111-2222-3333-4444-000000000001")
    with bank.service.connect("bank", autocommit=False) as late:
        with late.cursor() as cursor:
            # Past outbox_relay_adopt, which has looked at the state before: the row alone is late.
            cursor.execute("select standin.outbox_relay_adopt('states', 'from_mark', 'the first of two')")
            cursor.execute("select standin.outbox_relay_adopt('states', 'from_here', 'the second of two')")
        late.commit()
    late.close()
    adopted(outbox)
    await_("it to run", lambda: outbox.stat("state") == "running")
    armed = """insert into standin_private.outbox_adoption (relay, choice, reason, adopted_by, adopted_at{more})
               select relay, choice, 'late', adopted_by, adopted_at{more} from standin_private.outbox_adoption order by adoption desc limit 1"""
    named = bank.value("select count(*) from information_schema.columns where table_name = 'outbox_adoption' and column_name = 'made_for'")
    bank.query(armed.format(more=", made_for" if named else ""))
    stray("11111111-2222-3333-4444-000000000002")
    outbox.publish(("a", "k", "decided anew"))
    restart(outbox)
    outbox.await_state("fenced")
    assert outbox.stat("waiting_rows") == 1 and bank.value("select count(*) from standin_private.outbox_adoption where reason = 'late' and mark is not null") == 0
    bank.query("select standin.outbox_relay_adopt('states', 'from_here', 'decided anew')")
    outbox.drained()
    await_("it to run", lambda: outbox.stat("state") == "running")
    adopted(outbox)
    assert bank.query("select reason, mark is not null from standin_private.outbox_adoption where reason in ('late', 'decided anew') order by adoption") == [
        ("late", False), ("decided anew", True)]


def test_an_adoption_that_nobody_needs_is_void(outbox):
    """Once it runs, whatever was still to be decided is closed."""
    bank = outbox.bank
    await_("it to run", lambda: outbox.stat("state") == "running")
    named = bank.value("select count(*) from information_schema.columns where table_name = 'outbox_adoption' and column_name = 'made_for'")
    bank.query("insert into standin_private.outbox_adoption (relay, choice, reason, adopted_by, adopted_at" + (", made_for" if named else "") +
               ") values ('states', 'from_here', 'armed', 'postgres', now()" + (", '')" if named else ")"))
    restart(outbox)
    await_("it to be closed", lambda: bank.value("select applied_at is not null and mark is null from standin_private.outbox_adoption where reason = 'armed'"))


def test_a_mark_topic_that_is_gone(outbox):
    outbox.bank.query("select standin.outbox_relay_pause('states')")
    outbox.await_state("paused")
    outbox.bank.kafka.topic_delete("standin.outbox.states")
    outbox.publish(("a", "k", "while it was gone"))
    outbox.bank.query("select standin.outbox_relay_resume('states')")
    assert "the mark is gone from Kafka" in outbox.await_state("diverged")
    outbox.bank.query("select standin.outbox_relay_adopt('states', 'from_mark', 'there is none')")
    await_("a refusal", lambda: "there is no mark to go on from" in (outbox.stat("hint") or ""))
    outbox.bank.query("select standin.outbox_relay_adopt('states', 'from_here', 'the topic was deleted by mistake')")
    outbox.drained()
    assert values(outbox, "a")[-1] == "while it was gone" and outbox.mark() is not None


def test_mark_topics_that_would_lose_the_mark(outbox):
    bank = outbox.bank
    bank.kafka.topic_create("two.marks", 2, cleanup_policy="compact")
    bank.kafka.topic_create("short.marks", 1, cleanup_policy="delete")
    bank.kafka.topic_create("both.marks", 1, cleanup_policy="compact,delete")  # an old mark is deleted all the same
    for relay, topic, said in (("two", "two.marks", "has 2 partitions"), ("short", "short.marks", "has cleanup.policy delete"),
                               ("both", "both.marks", "has cleanup.policy compact,delete")):
        bank.query("select standin.outbox_relay_create(%s, 'kafka', mark_topic => %s)", [relay, topic])
        state = await_(said, lambda: bank.query("select state, reason from standin.stat_outbox where relay = %s and state = 'blocked'", [relay]))
        assert said in state[0][1]
    for relay in ("short", "both"):
        alter_topic(bank.kafka, f"{relay}.marks", "cleanup.policy=compact")
        await_("it to go on", lambda: bank.value("select state from standin.stat_outbox where relay = %s", [relay]) == "running")
    for relay in ("two", "short", "both"):
        bank.query("select standin.outbox_relay_drop(%s)", [relay])


def test_a_stranger_with_our_transactional_id(outbox):
    """It fences us, and is fenced by the next of our processes, which knows by the mark that it is not one of us."""
    await_("it to run", lambda: outbox.stat("state") == "running")
    program = bank_program()
    run([program, outbox.bank.kafka.brokers, "states.a", "abort", "pg_standin.standin.outbox.states.states"], input="k\tstranger\n", stdin=None)
    outbox.publish(("a", "k", "after the stranger"))
    outbox.drained(120)
    assert values(outbox, "a")[-1] == "after the stranger"


def bank_program():
    """The helper that writes in transactions of its own."""
    import os
    import pathlib
    stage = os.environ.get("PG_STANDIN_STAGE")
    build = pathlib.Path(stage).parent if stage else pathlib.Path(__file__).parents[3] / "build" / "debug"
    return build / "test" / "integration" / "transactional_producer"


def test_a_copy_sends_nothing(outbox):
    """A database made from this one has the rows, and is bound to another."""
    bank = outbox.bank
    await_("it to run", lambda: outbox.stat("state") == "running")
    bank.query("select standin.outbox_relay_pause('states')")
    outbox.await_state("paused")
    outbox.publish(("a", "k", "once"))
    dump = bank.service.tool("pg_dump", "-Fp", "bank")
    bank.service.query("create database copy")
    bank.service.psql("-f", "-", dbname="copy", script=dump)
    assert bank.service.value("select count(*) from standin_private.outbox_message", dbname="copy") == 1
    bank.service.query("select standin_private.outbox_relay_require('states')", dbname="copy")
    bank.service.query("update standin_private.outbox_relay set paused = false, pause_reason = null", dbname="copy")
    await_("a refusal", lambda: bank.service.value("select state from standin.stat_worker where kind = 'relay'", dbname="copy") == "refused")
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        bank.service.query("select standin.outbox_publish('states.a', 'k', 'from the copy')", dbname="copy")
    marks = len(read(bank.kafka, "standin.outbox.states"))
    bank.query("select standin.outbox_relay_resume('states')")
    outbox.drained()
    assert values(outbox, "a").count("once") == 1 and len(read(bank.kafka, "standin.outbox.states")) > marks
    # Adopted, it finds that the mark is another's by now.
    bank.service.query("select standin.instance_adopt('a test')", dbname="copy")
    await_("fenced", lambda: bank.service.value("select state from standin.stat_outbox", dbname="copy") in ("fenced", "diverged"))
    bank.service.query("drop database copy")
    assert values(outbox, "a").count("once") == 1


def test_drops_wait_for_events(outbox):
    bank = outbox.bank
    bank.query("select standin.outbox_relay_pause('states')")
    outbox.publish(("a", "k", "last"))
    with pytest.raises(psycopg2.errors.ObjectInUse):
        bank.query("select standin.outbox_topic_drop('states.a')")
    with pytest.raises(psycopg2.errors.ObjectInUse):
        bank.query("select standin.outbox_relay_drop('states')")
    with outbox.connect() as session, session.cursor() as cursor:
        cursor.execute("select standin.outbox_publish('states.b', 'k', 'open')")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            bank.query("select standin.outbox_topic_drop('states.b')")
        session.rollback()
    bank.query("select standin.outbox_relay_resume('states')")
    outbox.drop()
    assert bank.query("select relay from standin.outbox_relays") == []
