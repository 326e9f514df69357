"""What nobody should publish: an SQLSTATE, and nothing written."""

import threading

import psycopg2
import pytest

from harness.await_ import await_
from readers import Outbox, kafka  # noqa: F401

P = "standin.outbox_publish"
BAD = [
    (f"{P}(null, 'k', 'x')", "22004", "topic"),
    (f"{P}('bad.a', null, null::text)", "22004", "key or a payload"),
    (f"{P}('bad.a', null, null::bytea)", "22004", "key or a payload"),
    (f"{P}('bad.a', '', 'x')", "22023", "must not be empty"),
    (f"{P}('bad.a', 'k', 'x', '[1]')", "22023", "headers"),
    (f"{P}('bad.a', 'k', 'x', '\"text\"')", "22023", "headers"),
    (f"{P}('bad.a', 'k', 'x', '{{\"a\": {{\"b\": 1}}}}')", "22023", "headers"),
    (f"{P}('bad.a', 'k', 'x', '{{\"a\": []}}')", "22023", "headers"),
    (f"{P}('bad.a', 'k', 'x', '{{\"id\": \"mine\"}}')", "22023", "id"),
    (f"{P}('bad.a', 'k', 'x', '{{\"eventType\": \"mine\"}}')", "22023", "eventType"),
    (f"{P}('bad.a', 'k', 'x', '{{\"a\": \"\\u0000\"}}')", "22P05", ""),
    (f"{P}('bad.a', 'k', 'x', partition => -1)", "22023", "negative"),
    (f"{P}('nowhere', 'k', 'x')", "42704", "not published to"),
    (f"{P}(repeat('t', 300), 'k', 'x')", "42704", "not published to"),
    (f"{P}('', 'k', 'x')", "42704", "not published to"),
    (f"{P}('bad.theirs', 'k', 'x')", "42501", "permission denied"),
    (f"{P}('bad.a', 'k', repeat('x', 1000000))", "54000", "too large"),
    (f"{P}('bad.a', repeat('k', 1000000), 'x')", "54000", "too large"),
    (f"{P}('bad.a', 'k', repeat('x', 64 * 1024 * 1024)::bytea)", "54000", "too large"),
    (f"{P}('bad.a', 'k', 'x', event_id => '00000000-0000-0000-0000-000000000001'), "
     f"{P}('bad.a', 'k', 'y', event_id => '00000000-0000-0000-0000-000000000001')", "23505", "event_id"),
    (f"{P}('bad.a', 'k', 'x'), {P}('elsewhere.a', 'k', 'x')", "0A000", "two relays"),
]
NAMES = [("", "22023"), ("a b", "42602"), ("ä", "42602"), ("t" * 250, "42602"), ("..", "42602"), (None, "22004"), ("standin.outbox.bad", "22023")]


@pytest.fixture(scope="module")
def outbox(kafka, bank):
    made = Outbox(bank, "bad")
    Outbox(bank, "elsewhere")
    bank.query("select standin.outbox_topic_create('bad.theirs', 'bad')")
    await_("it to run", lambda: made.stat("state") == "running")
    return made


@pytest.mark.parametrize("call,sqlstate,said", BAD, ids=[f"{number}-{bad[1]}" for number, bad in enumerate(BAD)])
def test_it_is_refused_and_nothing_is_written(outbox, call, sqlstate, said):
    with outbox.connect() as session, session.cursor() as cursor:
        cursor.execute("select standin.outbox_publish('bad.a', 'k', 'good'), pg_current_xact_id()")
        cursor.execute("savepoint s")
        with pytest.raises(psycopg2.Error) as refused:
            cursor.execute(f"select {call}")
        assert refused.value.pgcode == sqlstate and said in str(refused.value)
        cursor.execute("rollback to savepoint s")
        session.commit()
    outbox.drained()
    values = [value for _, value, _ in outbox.records("a")]
    assert set(values) == {"good"}
    assert outbox.stat("state") == "running"


def test_a_partition_beyond_the_last(outbox):
    """Only Kafka knows: it blocks, and a person decides."""
    with outbox.connect() as session, session.cursor() as cursor:
        cursor.execute("select standin.outbox_publish('bad.a', 'k', 'nowhere to go', partition => 7)")
        session.commit()
    assert "give topic bad.a more partitions" in outbox.await_state("blocked")
    outbox.bank.query("select standin.outbox_event_discard(%s, 'a test')", [await_("its id", lambda: outbox.stat("blocked_event"))])
    outbox.drained()


def test_read_only_transactions_publish_nothing(outbox):
    with outbox.connect() as session, session.cursor() as cursor:
        cursor.execute("set transaction read only")
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute("select standin.outbox_publish('bad.a', 'k', 'x')")


@pytest.mark.parametrize("topic,sqlstate", NAMES)
def test_names_of_topics(outbox, topic, sqlstate):
    with pytest.raises(psycopg2.Error) as refused:
        outbox.bank.query("select standin.outbox_topic_create(%s, 'bad')", [topic])
    assert refused.value.pgcode == ("42602" if topic == "" else sqlstate)


def test_too_much_in_one_transaction(outbox):
    with outbox.connect() as session, session.cursor() as cursor:
        with pytest.raises(psycopg2.errors.ProgramLimitExceeded):
            cursor.execute("select count(standin.outbox_publish('bad.a', 'k', repeat('x', 900000))) from generate_series(1, 400)")


def test_rights(outbox):
    bank = outbox.bank
    bank.query("create role stranger login; create role member login; create role publishers nologin;"
               " grant standin_app to stranger, member; grant publishers to member")
    bank.query("select standin.outbox_topic_grant('bad.theirs', 'publishers')")

    def publish(role):
        bank.query("select standin.outbox_publish('bad.theirs', 'k', 'x')", user=role)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        publish("stranger")
    bank.kafka.topic_create("bad.theirs")
    publish("member")
    bank.query("select standin.outbox_topic_revoke('bad.theirs', 'publishers')")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        publish("member")
    with pytest.raises(psycopg2.errors.UndefinedObject):
        bank.query("select standin.outbox_topic_revoke('bad.theirs', 'publishers')")
    for role in ("stranger", "member"):
        for statement in ("select * from standin_private.outbox_message", "select standin.outbox_relay_pause('bad')",
                          "select standin.outbox_topic_grant('bad.theirs', 'stranger')"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                bank.query(statement, user=role)
    outbox.drained()


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_publishing_while_the_topic_and_its_relay_are_dropped(outbox, isolation):
    """One of the two fails: no event is left without a relay, whatever the publisher saw when it began."""
    bank = outbox.bank
    name = "going_" + isolation.replace(" ", "_")
    going = Outbox(bank, name)
    going.drained()
    answers = []

    def publish(session, cursor):
        try:
            cursor.execute("select standin.outbox_publish(%s, 'k', 'too late')", [f"{name}.a"])
            session.commit()
            answers.append("published")
        except psycopg2.Error as error:
            answers.append(error.pgcode)
    with going.connect() as session, session.cursor() as cursor, bank.service.connect("bank", autocommit=False) as dropping:
        cursor.execute(f"set transaction isolation level {isolation}")
        cursor.execute("select pg_backend_pid()")
        pid = cursor.fetchone()[0]
        with dropping.cursor() as drops:
            drops.execute("select standin.outbox_topic_drop(%s)", [f"{name}.a"])
            drops.execute("select standin.outbox_relay_drop(%s)", [name])
        publishing = threading.Thread(target=publish, args=(session, cursor))
        publishing.start()
        await_("it to wait", lambda: bank.value("select wait_event_type from pg_stat_activity where pid = %s", [pid]) == "Lock")
        dropping.commit()
        publishing.join(60)
    dropping.close()
    assert answers == ["42704"]
    assert bank.query("select c.relay from standin_private.outbox_commit c left join standin_private.outbox_relay r using (relay) where r.relay is null") == []


def test_writers_of_many_savepoints_and_failures_in_blocks(outbox):
    """A block with EXCEPTION is a savepoint: what failed in it is not published, what was caught outside is."""
    with outbox.connect() as session, session.cursor() as cursor:
        cursor.execute("""do $$ begin
            for i in 1 .. 200 loop
                begin
                    perform standin.outbox_publish('bad.a', 'blocks', i::text);
                    if i % 3 = 0 then perform 1 / 0; end if;
                exception when division_by_zero then null;
                end;
            end loop; end $$""")
        session.commit()
    outbox.drained()
    assert [value for key, value, _ in outbox.records("a") if key == "blocks"] == [str(i) for i in range(1, 201) if i % 3]


def test_many_writers_at_once(outbox):
    """None is missed, whoever commits while the relay reads."""
    def write(number):
        with outbox.connect() as session, session.cursor() as cursor:
            for n in range(100):
                cursor.execute("select standin.outbox_publish('bad.a', %s, %s::text)", [f"writer {number}", str(n)])
                session.commit()
    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.drained()
    seen = {}
    for key, value, _ in outbox.records("a"):
        if key.startswith("writer"):
            seen.setdefault(key, []).append(int(value))
    assert seen == {f"writer {number}": list(range(100)) for number in range(16)}
