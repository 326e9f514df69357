"""Change capture whose target, or what it keeps of itself, a session has locked: it waits with a bound, says for whom, and goes on."""

import contextlib

import pytest

from harness.await_ import await_
from streams import Stream, event, kafka  # noqa: F401


@pytest.mark.parametrize("name, lock", [("locked_row", "select * from locked_row where id = 1 for update"),
                                        ("locked_table", "lock table locked_table in share mode")])
def test_a_source_says_whose_lock_it_waits_for(kafka, bank, name, lock):
    stream = Stream(bank, name, "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    session = bank.service.connect("bank", autocommit=False, application_name="clerks_tool")
    with contextlib.closing(session), session.cursor() as cursor:
        cursor.execute(lock)
        stream.produce([event("u", {"id": 1, "v": 2})])
        detail = await_("the source says what it waits for", lambda: bank.value(
            "select detail from standin.cdc_sources where source = %s and state = 'blocked' and detail like '%%is held by%%'", [name]))
        assert f"process {session.info.backend_pid}" in detail and "clerks_tool" in detail and name in detail
        session.rollback()
    stream.applied(2)
    assert stream.rows() == [(1, 2)] and stream.dead_letters() == []
    stream.drop()


@contextlib.contextmanager
def session_with(bank, statement, params=None):
    """One that does this and then idles in its transaction."""
    with contextlib.closing(bank.service.connect("bank", autocommit=False)) as session, session.cursor() as cursor:
        cursor.execute(statement, params)
        yield session


def blocked_detail(bank, name):
    return await_("the source is blocked", lambda: bank.value(
        "select detail from standin.cdc_sources where source = %s and state = 'blocked'", [name]))


def test_what_came_to_kafka_meanwhile_is_lag_and_who_is_in_the_way_is_shown(kafka, bank):
    stream = Stream(bank, "lagging", "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    await_("the end", lambda: stream.stat("lag_messages = 0 and end_seen_at > now() - interval '1 minute' and state = 'running'"))
    with session_with(bank, "select * from lagging where id = 1 for update") as session:
        stream.produce([event("u", {"id": 1, "v": 2})])
        await_("the source waits", lambda: stream.stat("blocked_by") == [session.info.backend_pid])
        stream.produce([event("c", {"id": number, "v": 0}) for number in range(2, 102)])
        await_("the lag", lambda: stream.stat("lag_messages") == 101)
        assert stream.stat("end_seen_at") is not None and stream.stat("lag_seconds") > 0
        blocked_detail(bank, "lagging")
        assert stream.stat("recovered_at") is None and "is held by" in stream.stat("last_error")
        assert bank.query("select state from standin.stat_worker where kind = 'cdc' and key = 'lagging'") == [("blocked",)]
        session.rollback()
    stream.applied(102)
    await_("it is over", lambda: stream.stat("lag_messages = 0 and lag_seconds = 0 and recovered_at > error_at and blocked_by is null"))
    assert bank.value("select recovered_at > error_at from standin.cdc_sources where source = 'lagging'")


def test_an_operator_who_idles_holds_a_source_up_with_a_bound_and_is_named(kafka, bank):
    stream = Stream(bank, "operated", "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": "no number"})])
    stream.applied(1)
    with session_with(bank, "select standin.cdc_dead_letter_retry('operated')") as session:
        stream.produce([event("c", {"id": 1, "v": 2})])  # it supersedes the dead letter
        assert f"kafka_dead_letter is held by process {session.info.backend_pid}" in blocked_detail(bank, "operated")
        session.rollback()
    stream.applied(2)
    with session_with(bank, "select standin.cdc_seek('operated', 'operated.topic', 0, 0)") as session:
        stream.produce([event("u", {"id": 1, "v": 3})])
        assert f"process {session.info.backend_pid}" in blocked_detail(bank, "operated")
        session.rollback()
    stream.applied(3)
    assert stream.rows() == [(1, 3)]
