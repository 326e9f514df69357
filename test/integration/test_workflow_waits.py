"""Workflows that wait: sleep, back-off, messages, events, other workflows; cancel, pause, compensation. None of them holds a worker."""

import contextlib
import os
import pathlib
import signal
import threading

import psycopg2
import pytest

from harness import postgres, scratch
from harness.await_ import await_

SETUP = pathlib.Path(__file__).with_name("workflow_waits.sql")


@pytest.fixture(scope="module")
def server():
    cluster = postgres.service("waits", scratch.scratch(), settings={"pg_standin.allow_test_clock": "on"}).init().start()
    cluster.query("CREATE DATABASE bank")
    cluster.psql("-v", "ON_ERROR_STOP=1", "-f", str(SETUP), dbname="bank")
    yield cluster
    cluster.stop()


class Bank:
    def __init__(self, server):
        self.server = server

    def admin(self, sql, params=None):
        return self.server.query(sql, params, dbname="bank")

    def query(self, sql, params=None, user="teller"):
        return self.server.query(sql, params, dbname="bank", user=user)

    def start(self, name, workflow_id, payload="{}", user="teller"):
        self.query("SELECT standin.workflow_start(%s, %s, %s)", [name, workflow_id, payload], user=user)

    def status(self, workflow_id):
        with contextlib.suppress(psycopg2.OperationalError):
            return self.admin("SELECT status FROM standin.workflows WHERE workflow_id = %s", [workflow_id])[0][0]
        return None

    def becomes(self, workflow_id, status, timeout=60):
        await_(f"workflow {workflow_id} to be {status}",
               lambda: self.status(workflow_id) == status, timeout=timeout)

    def output(self, workflow_id):
        return self.admin("SELECT output FROM standin.workflows WHERE workflow_id = %s", [workflow_id])[0][0]

    def error(self, workflow_id):
        return self.admin("SELECT error FROM standin.workflows WHERE workflow_id = %s", [workflow_id])[0][0]

    def effects(self, workflow_id):
        return [what for (what,) in self.admin("SELECT what FROM effect WHERE workflow_id = %s ORDER BY n", [workflow_id])]

    def advance(self, interval):
        self.admin("SELECT standin_private.clock_advance(%s)", [interval])

    def process(self, kind):
        found = self.admin("SELECT pid FROM pg_stat_activity WHERE backend_type = %s", [f"pg_standin {kind}"])
        return found[0][0] if found else None


@pytest.fixture
def bank(server):
    return Bank(server)


def test_a_sleeper_holds_nothing_and_goes_on_when_its_time_has_come(bank):
    bank.start("sleeper", "sleeps", '{"duration": "1 month"}')
    bank.becomes("sleeps", "sleeping")
    assert bank.effects("sleeps") == ["before"]
    assert bank.admin("SELECT worker, wakes_at - created_at > '27 days', waiting_for FROM standin.workflows WHERE workflow_id = 'sleeps'") == [(None, True, "sleep")]
    assert bank.admin("SELECT 1 FROM pg_stat_activity WHERE backend_type = 'pg_standin executor' AND state LIKE 'idle in%'") == []
    bank.advance("20 days")
    bank.start("sleeper", "short", '{"duration": "0"}')
    bank.becomes("short", "completed")
    assert bank.status("sleeps") == "sleeping"
    bank.advance("12 days")
    bank.becomes("sleeps", "completed")
    assert bank.effects("sleeps") == ["before", "after"]
    assert bank.admin("SELECT seq, kind, attempts FROM standin.workflow_steps WHERE workflow_id = 'sleeps' ORDER BY 1") == \
        [(1, "step", 1), (2, "sleep", 1), (3, "step", 1)]
    assert bank.admin("SELECT recoveries_without_progress FROM standin.workflows WHERE workflow_id = 'sleeps'") == [(None,)]


@pytest.mark.parametrize("point", ["workflow_before_dispatch", "step_before_commit"])
def test_a_crash_does_not_prolong_a_sleep_and_wakes_nobody_twice(bank, server, point):
    name = f"crash at {point}"
    bank.start("sleeper", name, '{"duration": "1 hour"}')
    bank.becomes(name, "sleeping")
    wakes_at = bank.admin("SELECT wakes_at FROM standin.workflows WHERE workflow_id = %s", [name])
    await_("the dispatcher", lambda: bank.process("dispatcher"))
    server.kill9()
    server.start()
    await_("the server", lambda: bank.status(name) == "sleeping")
    assert bank.admin("SELECT wakes_at FROM standin.workflows WHERE workflow_id = %s", [name]) == wakes_at
    await_("the dispatcher", lambda: bank.process("dispatcher"))
    bank.admin("DELETE FROM standin_private.worker_mark")
    bank.admin("SELECT standin_private.crash_point_arm(%s, 0)", [point])
    started = bank.admin("SELECT pg_postmaster_start_time(), standin_private.clock_now()")

    def over():
        with contextlib.suppress(psycopg2.OperationalError):
            if bank.admin("SELECT standin_private.clock_now()")[0][0] < wakes_at[0][0]:
                bank.advance("2 hours") # what was put forward does not survive the crash
            return bank.status(name) == "completed"
    await_("the end", over, timeout=120)
    assert bank.effects(name) == ["before", "after"]
    assert bank.admin("SELECT pg_postmaster_start_time(), standin_private.clock_now()") > started


def test_sleep_until_keeps_the_time_it_was_first_given(bank):
    present = bank.admin("SELECT standin_private.clock_now()")[0][0]
    bank.start("until", "until past", '{"until": "2000-01-01"}')
    bank.becomes("until past", "completed")
    bank.query("SELECT standin.workflow_start('until', 'until', jsonb_build_object('until', %s::timestamptz + '1 day'))", [present])
    bank.becomes("until", "sleeping")
    bank.advance("25 hours")
    bank.becomes("until", "completed")


def test_a_start_can_be_put_off(bank):
    tomorrow = bank.admin("SELECT standin_private.clock_now() + '1 day'")[0][0]
    bank.query("SELECT standin.workflow_start('sleeper', 'put off', '{\"duration\": \"0\"}', %s)", [tomorrow])
    assert bank.status("put off") == "scheduled"
    bank.advance("25 hours")
    bank.becomes("put off", "completed")


# Messages -----------------------------------------------------------------------------------------------------------

def test_a_message_is_received_once_before_or_after_the_wait_begins(bank):
    assert bank.query("SELECT standin.message_send('early', 'reply', '\"yes\"')") == [(True,)]
    bank.start("reminder", "early", '{"timeout": "1 day"}')
    bank.becomes("early", "completed")
    assert bank.output("early") == {"reply": "yes"}

    bank.start("reminder", "late", '{"timeout": "1 day"}')
    bank.becomes("late", "waiting")
    assert bank.query("SELECT standin.message_send('late', 'other topic', '1')") == [(True,)]
    assert bank.query("SELECT standin.message_send('late', 'reply', '\"no\"', 'key 1')") == [(True,)]
    bank.becomes("late", "completed")
    assert bank.output("late") == {"reply": "no"}
    assert bank.query("SELECT topic, received_by_step FROM standin.workflow_messages WHERE workflow_id = 'late' ORDER BY n") == [("other topic", None), ("reply", 1)]


def test_a_key_sends_a_message_once(bank):
    bank.start("reminder", "keyed", '{"timeout": "1 day"}')
    for sent in (True, False):
        assert bank.query("SELECT standin.message_send('keyed', 'other', '1', 'k')") == [(sent,)]
    with pytest.raises(psycopg2.errors.UniqueViolation):
        bank.query("SELECT standin.message_send('keyed', 'other', '2', 'k')")
    bank.query("SELECT standin.workflow_cancel('keyed', 'a test')")


def test_the_time_of_a_wait_is_over_by_the_clock_it_began_with(bank, server):
    bank.start("reminder", "reminded", '{"timeout": "3 days"}')
    bank.becomes("reminded", "waiting")
    bank.advance("2 days")
    over = bank.admin("SELECT wakes_at FROM standin.workflows WHERE workflow_id = 'reminded'")
    bank.query("SELECT standin.workflow_pause('reminded', 'a test')")
    bank.query("SELECT standin.workflow_resume('reminded')") # it looks again, and waits on
    bank.becomes("reminded", "waiting")
    server.restart() # which takes back what the clock was put forward
    await_("the server", lambda: bank.status("reminded") == "waiting")
    bank.query("SELECT standin.message_send('reminded', 'another topic', '1')") # wakes nobody
    assert bank.admin("SELECT wakes_at FROM standin.workflows WHERE workflow_id = 'reminded'") == over
    assert bank.effects("reminded") == []
    bank.admin("SELECT standin_private.clock_advance(%s - standin_private.clock_now() + '1 hour')", [over[0][0]])
    await_("the reminder", lambda: bank.effects("reminded") == ["reminded"])
    bank.becomes("reminded", "waiting")
    bank.query("SELECT standin.message_send('reminded', 'reply', '\"at last\"')")
    bank.becomes("reminded", "completed")
    assert bank.output("reminded") == {"reply": "at last"}


def test_who_may_send(bank):
    bank.start("reminder", "of the teller", '{"timeout": "1 year"}')
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied"):
        bank.query("SELECT standin.message_send('of the teller', 'reply', '\"mine\"')", user="stranger")
    # One that was there before the workflow is no way round that.
    bank.query("SELECT standin.message_send('to come', 'reply', '\"a stranger''s\"')", user="stranger")
    bank.query("SELECT standin.message_send('to come', 'reply', '\"an officer''s\"')", user="officer")
    bank.admin("SELECT standin.workflow_grant('reminder', 'officer', 'send')")
    bank.start("reminder", "to come", '{"timeout": "1 year"}')
    bank.becomes("to come", "completed")
    assert bank.output("to come") == {"reply": "an officer's"}
    bank.query("SELECT standin.message_send('of the teller', 'reply', '\"officially\"')", user="officer")
    bank.becomes("of the teller", "completed")
    bank.admin("SELECT standin.workflow_revoke('reminder', 'officer', 'send')")
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="completed"):
        bank.query("SELECT standin.message_send('of the teller', 'reply', '1')")


def test_no_message_is_lost_however_it_meets_the_wait(bank, server):
    """Sends that commit around the moment at which the workflow begins to wait, 60 times."""
    ids = [f"race {i}" for i in range(60)]

    def send(part):
        with contextlib.closing(server.connect("bank", user="teller")) as session, session.cursor() as cursor:
            for workflow_id in part:
                cursor.execute("SELECT standin.workflow_start('reminder', %s, '{\"timeout\": \"1 year\"}')", [workflow_id])
                await_("the wait or its beginning", lambda cursor=cursor, workflow_id=workflow_id: cursor.execute(
                    "SELECT 1 FROM standin.workflows WHERE workflow_id = %s AND status <> 'pending'", [workflow_id]) or cursor.fetchall(), interval=0.001)
                cursor.execute("SELECT standin.message_send(%s, 'reply', '1')", [workflow_id])
    threads = [threading.Thread(target=send, args=(ids[n::3],)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for workflow_id in ids:
        bank.becomes(workflow_id, "completed")


@pytest.mark.parametrize("size", [20_000, 2_000_000])
def test_a_large_message_is_received_whole(bank, size):
    name = f"large {size}"
    bank.start("reminder", name, '{"timeout": "1 day"}')
    bank.query("SELECT standin.message_send(%s, 'reply', to_jsonb(repeat('abcdefghij', %s)))", [name, size // 10])
    bank.becomes(name, "completed")
    assert bank.output(name)["reply"] == "abcdefghij" * (size // 10)


def test_a_stranger_s_key_is_nobody_else_s(bank):
    bank.query("SELECT standin.message_send('squatted', 'reply', '\"mine\"', 'click')", user="stranger")
    assert bank.query("SELECT standin.message_send('squatted', 'reply', '\"yours\"', 'click')") == [(True,)]
    bank.start("reminder", "squatted", '{"timeout": "1 day"}')
    bank.becomes("squatted", "completed")
    assert bank.output("squatted") == {"reply": "yours"}


def test_a_session_that_has_locked_a_workflow_keeps_no_other_one_waiting(bank, server):
    for name in ("locked", "beside the locked"):
        bank.start("reminder", name, '{"timeout": "1 year"}')
        bank.becomes(name, "waiting")
    with contextlib.closing(server.connect("bank", user="teller", autocommit=False)) as session, session.cursor() as cursor:
        cursor.execute("SELECT standin.workflow_pause('locked', 'idle'); SELECT standin.workflow_resume('locked')")
        for name in ("locked", "beside the locked"):
            bank.query("SELECT standin.message_send(%s, 'reply', '1')", [name])
        bank.becomes("beside the locked", "completed")
        assert bank.status("locked") == "waiting"
        session.rollback()
    bank.becomes("locked", "completed")


def test_a_pause_in_the_commit_of_a_step_loses_no_message_and_doubles_no_event(bank):
    bank.query("SELECT standin.message_send('read', 'reply', '\"here\"')")
    bank.start("paused_reader", "read")
    bank.becomes("read", "paused")
    assert bank.admin("SELECT count(*) FROM standin.workflow_events WHERE workflow_id = 'read'") == [(0,)]
    bank.query("SELECT standin.workflow_resume('read')")
    bank.becomes("read", "completed")
    assert bank.output("read") == "here"
    assert bank.query("SELECT value, n FROM standin.event_get('read', 'read')") == [(1, 1)]


# Other workflows and events -----------------------------------------------------------------------------------------

def test_a_parent_waits_for_its_child_without_a_worker(bank):
    bank.start("parent", "parent", '{"timeout": "1 year"}')
    child = await_("the child", lambda: bank.admin("SELECT workflow_id FROM standin.workflows WHERE parent = 'parent' AND status = 'waiting'"))[0][0]
    bank.becomes("parent", "waiting")
    bank.query("SELECT standin.message_send(%s, 'reply', '\"hello\"')", [child])
    bank.becomes("parent", "completed")
    assert bank.output("parent") == {"status": "completed", "output": {"reply": "hello"}}


def test_a_wait_for_somebody_else_s_workflow_is_refused_as_if_there_were_none(bank):
    bank.admin("""SET SESSION AUTHORIZATION teller;
        CREATE PROCEDURE await_any(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$ BEGIN CALL standin.await_workflow(input->>'id', output); END $$;
        RESET SESSION AUTHORIZATION; SELECT standin.workflow_define('await_any', 'await_any(jsonb, jsonb)')""")
    bank.start("loan", "of a stranger", user="stranger")
    for name, of in (("awaits nothing", "no such"), ("awaits a stranger", "of a stranger")):
        bank.start("await_any", name, f'{{"id": "{of}"}}')
        bank.becomes(name, "failed")
        assert bank.error(name)["sqlstate"] == "P0002"


def test_events_have_a_history_and_can_be_awaited(bank):
    bank.start("teller_of_news", "news")
    bank.start("listener", "listens", '{"of": "news", "name": "end"}')
    bank.start("listener", "gives up", '{"of": "news", "name": "never", "timeout": "1 hour"}')
    bank.becomes("listens", "waiting")
    bank.becomes("gives up", "waiting")
    bank.becomes("news", "waiting")
    assert bank.query("SELECT value, n FROM standin.event_get('news', 'news')") == [(1, 1)]
    assert bank.query("SELECT value, n FROM standin.event_get('news', 'end')") == [(None, None)]
    bank.query("SELECT standin.message_send('news', 'go', '1')")
    bank.becomes("listens", "completed")
    assert bank.output("listens") == "said"
    assert bank.query("SELECT value FROM standin.workflow_events WHERE workflow_id = 'news' AND name = 'news' ORDER BY n") == [(1,), (2,)]
    with pytest.raises(psycopg2.errors.NoDataFound):
        bank.query("SELECT * FROM standin.event_get('news', 'news')", user="stranger")
    bank.advance("2 hours")
    bank.becomes("gives up", "completed")
    assert bank.output("gives up") is None


# Errors and retries -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("sqlstate", ["55P03", "57014", "08006", "53200"])
def test_a_transient_error_is_tried_again_with_back_off_without_a_worker(bank, sqlstate):
    name = f"transient {sqlstate}"
    bank.query("INSERT INTO trouble VALUES (%s, 3, %s)", [name, sqlstate])
    bank.start("troubled", name)
    for attempts, wait in ((1, 1), (2, 2), (3, 3)):
        await_("an attempt", lambda attempts=attempts: bank.status(name) == "sleeping" and bank.admin(
            "SELECT attempts FROM standin.workflow_steps WHERE workflow_id = %s", [name]) == [(attempts,)])
        assert bank.admin("SELECT waiting_for, error->>'sqlstate' FROM standin.workflows WHERE workflow_id = %s", [name]) == [("retry", sqlstate)]
        bank.advance(f"{wait * 60 - 5} s")
        bank.advance("6 s")
    bank.becomes(name, "completed")
    assert bank.effects(name) == ["done"], "what a failed attempt did is undone"


def test_an_error_of_its_own_is_final_unless_retries_cover_it(bank):
    for name, payload, sqlstate in (("final", "{}", "P0001"), ("not covered", '{"retries": 5, "retry_on": ["23"]}', "P0001")):
        bank.query("INSERT INTO trouble VALUES (%s, 1, %s)", [name, sqlstate])
        bank.start("troubled", name, payload)
        bank.becomes(name, "failed")
        assert bank.error(name)["sqlstate"] == sqlstate
    bank.query("INSERT INTO trouble VALUES ('covered', 1, '23505')")
    bank.start("troubled", "covered", '{"retries": 5, "retry_on": ["23"]}')
    bank.becomes("covered", "sleeping")
    bank.query("SELECT standin.workflow_retry('covered')") # now
    bank.becomes("covered", "completed")


def test_an_error_can_be_an_output(bank):
    bank.query("INSERT INTO trouble VALUES ('returned', 9, 'P0001')")
    bank.start("troubled", "returned", '{"on_error": "return"}')
    bank.becomes("returned", "completed")
    assert bank.output("returned")["error"]["sqlstate"] == "P0001"
    assert bank.effects("returned") == []
    bank.start("timed", "timed")
    bank.becomes("timed", "completed")
    assert bank.output("timed")["error"]["sqlstate"] == "57014"


def test_a_handler_that_is_gone_blocks_and_fails_nothing(bank):
    body = bank.admin("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'troubled' AND prokind = 'f'")[0][0]
    bank.query("DROP FUNCTION troubled(jsonb)")
    ids = [f"without a handler {i}" for i in range(5)]
    for workflow_id in ids:
        bank.start("troubled", workflow_id)
    for workflow_id in ids:
        bank.becomes(workflow_id, "blocked")
        assert bank.error(workflow_id)["sqlstate"] == "42883"
    bank.query(body)
    for workflow_id in ids:
        bank.query("SELECT standin.workflow_retry(%s)", [workflow_id])
        bank.becomes(workflow_id, "completed")


def test_nothing_of_a_handler_s_session_outlives_its_step(bank):
    bank.start("leaving", "leaving")
    bank.becomes("leaving", "completed")
    first, second = bank.output("leaving")
    assert first == second
    assert second["user"] == "teller" and second["setting"] is None and second["table"] is None and second["locks"] == 0


def test_what_is_not_deterministic_is_recorded(bank):
    bank.start("noted", "noted")
    bank.becomes("noted", "sleeping")
    recorded = [output for (output,) in bank.admin("SELECT output FROM standin.workflow_steps WHERE workflow_id = 'noted' AND kind = 'value' ORDER BY seq")]
    bank.advance("2 hours")
    bank.becomes("noted", "completed")
    assert bank.output("noted") == recorded and len(set(map(str, recorded))) == 4


def test_an_endless_loop_is_blocked_by_the_step_limit(bank):
    bank.start("endless", "endless")
    bank.becomes("endless", "blocked")
    assert bank.error("endless")["sqlstate"] == "54000"
    assert len(bank.effects("endless")) == 7
    bank.query("SELECT standin.workflow_cancel('endless', 'it is')")
    assert bank.status("endless") == "cancelled"


# Control ------------------------------------------------------------------------------------------------------------

def test_cancel_reaches_sleepers_at_once_with_what_they_started(bank):
    bank.start("parent", "cancelled parent", '{"timeout": "1 year"}')
    child = await_("the child", lambda: bank.admin("SELECT workflow_id FROM standin.workflows WHERE parent = 'cancelled parent' AND status = 'waiting'"))[0][0]
    bank.becomes("cancelled parent", "waiting")
    with pytest.raises(psycopg2.errors.NoDataFound):
        bank.query("SELECT standin.workflow_cancel('cancelled parent', 'not mine')", user="stranger")
    bank.query("SELECT standin.workflow_cancel('cancelled parent', 'changed my mind')", user="operator")
    assert bank.status("cancelled parent") == bank.status(child) == "cancelled"
    assert bank.error("cancelled parent")["cancelled_by"] == "operator"
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="already cancelled"):
        bank.query("SELECT standin.workflow_cancel('cancelled parent', 'again')")


def test_cancel_stops_a_running_one_before_its_step_is_recorded(bank):
    bank.start("stuck", "stuck")
    bank.becomes("stuck", "running")
    bank.query("SELECT standin.workflow_cancel('stuck', 'it hangs')")
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="being cancelled"):
        bank.query("SELECT standin.workflow_pause('stuck', 'too late')")
    await_("the handler", lambda: bank.admin("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_standin executor' AND wait_event = 'PgSleep'"))
    bank.becomes("stuck", "cancelled")
    assert bank.error("stuck")["message"] == "cancelled: it hangs"


def test_a_paused_one_goes_on_when_it_is_resumed(bank):
    bank.start("sleeper", "paused", '{"duration": "1 hour"}')
    bank.becomes("paused", "sleeping")
    bank.query("SELECT standin.workflow_pause('paused', 'wait')")
    assert bank.status("paused") == "paused"
    bank.advance("2 hours")
    bank.start("sleeper", "beside", '{"duration": "0"}')
    bank.becomes("beside", "completed")
    assert bank.status("paused") == "paused"
    bank.query("SELECT standin.workflow_resume('paused')")
    bank.becomes("paused", "completed")
    assert bank.effects("paused") == ["before", "after"]


def test_what_is_put_off_stays_so_when_it_was_paused(bank):
    tomorrow = bank.admin("SELECT standin_private.clock_now() + '1 day'")[0][0]
    bank.query("SELECT standin.workflow_start('sleeper', 'put off and paused', '{\"duration\": \"0\"}', %s)", [tomorrow])
    bank.query("SELECT standin.workflow_pause('put off and paused', 'a test')")
    bank.query("SELECT standin.workflow_resume('put off and paused')")
    assert bank.status("put off and paused") == "scheduled"
    bank.start("sleeper", "before it", '{"duration": "0"}')
    bank.becomes("before it", "completed")
    assert bank.status("put off and paused") == "scheduled"
    bank.query("SELECT standin.workflow_cancel('put off and paused', 'a test')")


def test_a_fork_repeats_what_comes_after_a_step(bank):
    bank.start("sleeper", "original", '{"duration": "0"}')
    bank.becomes("original", "completed")
    assert bank.query("SELECT standin.workflow_fork('original', 3, 'forked')") == [("forked",)]
    bank.becomes("forked", "completed")
    assert bank.effects("forked") == ["after"]
    with pytest.raises(psycopg2.errors.InvalidParameterValue):
        bank.query("SELECT standin.workflow_fork('original', 5)")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        bank.query("SELECT standin.workflow_fork('original', 1, 'forked')")


def test_the_workflows_of_a_dropped_role_are_orphaned_and_can_be_reassigned(bank):
    bank.admin("CREATE ROLE leaving LOGIN; GRANT standin_app TO leaving; GRANT INSERT ON effect TO leaving, officer; CREATE ROLE admin LOGIN; GRANT standin_admin, officer TO admin")
    bank.start("sleeper", "orphan", '{"duration": "1 hour"}', user="leaving")
    bank.becomes("orphan", "sleeping")
    await_("the executor to leave", lambda: bank.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'leaving'") == [])
    bank.admin("REVOKE ALL ON effect FROM leaving; DROP ROLE leaving")
    assert bank.status("orphan") == "orphaned"
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        bank.query("SELECT standin.workflow_reassign('leaving', 'teller')", user="admin")
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        bank.query("SELECT standin.workflow_reassign('teller', 'officer')", user="admin")
    assert bank.query("SELECT standin.workflow_reassign('leaving', 'officer')", user="admin") == [(1,)]
    bank.advance("2 hours")
    bank.becomes("orphan", "completed")
    assert bank.admin("SELECT submitter_name FROM standin.workflows WHERE workflow_id = 'orphan'") == [("officer",)]


# Compensation -------------------------------------------------------------------------------------------------------

def undone(bank, name):
    return [(what, key.removeprefix(name)) for what, key in bank.admin("SELECT what, key FROM effect WHERE workflow_id = %s ORDER BY n", [name])]


WHOLE = [("debit", ":1"), ("fee", ":2"), ("credit", ":3")]
BACK = [('undo credit', ":3:compensation"), ('undo debit', ":1:compensation")]


def test_what_does_not_complete_is_undone_in_reverse_order(bank):
    bank.start("transfer", "undone")
    bank.becomes("undone", "sleeping")
    bank.advance("25 hours")
    bank.becomes("undone", "failed")
    assert bank.error("undone")["message"] == "no"
    assert undone(bank, "undone") == WHOLE + BACK
    bank.start("transfer", "whole", '{"report": "public.effect"}')
    bank.becomes("whole", "sleeping")
    bank.advance("25 hours")
    bank.becomes("whole", "completed")
    assert undone(bank, "whole") == [*WHOLE, ("1", ":5")]


def test_what_is_cancelled_is_undone(bank):
    bank.start("transfer", "called off")
    bank.becomes("called off", "sleeping")
    bank.query("SELECT standin.workflow_cancel('called off', 'changed my mind')")
    bank.becomes("called off", "cancelled")
    assert undone(bank, "called off") == WHOLE + BACK


def test_a_fork_takes_nothing_for_done_that_was_undone_and_undoes_nothing_of_the_other(bank):
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="were undone"):
        bank.query("SELECT standin.workflow_fork('undone', 5)")
    bank.query("SELECT standin.workflow_fork('whole', 4, 'fork of the whole')")
    bank.becomes("fork of the whole", "sleeping")
    bank.query("SELECT standin.workflow_cancel('fork of the whole', 'a test')")
    assert bank.status("fork of the whole") == "cancelled"
    assert bank.effects("fork of the whole") == []


def test_what_kills_its_executor_is_undone_before_it_is_given_up(bank):
    bank.start("deadly", "deadly")
    bank.becomes("deadly", "dead", timeout=120)
    assert undone(bank, "deadly") == [("debit", ":1"), ("undo debit", ":1:compensation")]


@pytest.mark.parametrize("point", ["compensation_before_commit", "compensation_after_commit"])
def test_a_kill_in_the_middle_of_undoing_undoes_nothing_twice(bank, point):
    name = f"killed at {point}"
    bank.start("transfer", name)
    bank.becomes(name, "sleeping")
    bank.admin("DELETE FROM standin_private.worker_mark")
    bank.admin("SELECT standin_private.crash_point_arm(%s, 0)", [point])
    bank.query("SELECT standin.workflow_cancel(%s, 'a test')", [name])
    bank.becomes(name, "cancelled", timeout=120)
    assert undone(bank, name) == WHOLE + BACK


def test_what_cannot_be_undone_blocks_until_it_can(bank):
    bank.query("INSERT INTO trouble VALUES ('half undone', 1, 'undo')")
    bank.start("transfer", "half undone")
    bank.becomes("half undone", "sleeping")
    bank.query("SELECT standin.workflow_cancel('half undone', 'a test')")

    def blocked():
        bank.advance("10 minutes")
        return bank.status("half undone") == "blocked"
    await_("it to be blocked", blocked)
    assert "cannot be undone yet" in bank.error("half undone")["message"]
    assert undone(bank, "half undone") == WHOLE
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="being compensated"):
        bank.query("SELECT standin.workflow_cancel('half undone', 'again')")
    bank.query("DELETE FROM trouble WHERE workflow_id = 'half undone'")
    bank.query("SELECT standin.workflow_retry('half undone')")
    bank.becomes("half undone", "cancelled")
    assert undone(bank, "half undone") == WHOLE + BACK


# Application workers ------------------------------------------------------------------------------------------------

def claim(bank, names, count, user="teller"):
    return bank.query("SELECT id, name, token FROM standin.workflow_claim('w', %s, max_count => %s)", [names, count], user=user)


def test_a_claim_takes_of_each_name_in_turn(bank):
    bank.query("SELECT standin.workflow_start('loan', 'backlog ' || i) FROM generate_series(1, 200) i")
    bank.start("other", "the other")
    assert {name for _, name, _ in claim(bank, ["loan", "other"], 2)} == {"loan", "other"}


def test_only_its_role_claims_a_workflow_unless_others_are_granted(bank):
    bank.start("other", "private", user="officer")
    assert claim(bank, ["other"], 9, user="stranger") == []
    assert bank.query("SELECT * FROM standin.workflow_claim('w', '{other}', wait => '0.1 s')", user="stranger") == []
    bank.admin("SELECT standin.workflow_grant('other', 'stranger', 'claim')")
    assert [one[0] for one in claim(bank, ["other"], 9, user="stranger")] == ["private"]
    bank.admin("SELECT standin.workflow_revoke('other', 'stranger', 'claim')")


def test_a_worker_gives_back_what_it_cannot_do_now(bank):
    bank.start("other", "given back")
    token = {one[0]: one[2] for one in claim(bank, ["other"], 99)}["given back"]
    bank.query("SELECT standin.workflow_release('given back', %s, '1 hour')", [token])
    assert bank.status("given back") == "sleeping"
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="stale token"):
        bank.query("SELECT standin.step_record('given back', %s, 'x')", [token])
    assert claim(bank, ["other"], 99) == []
    bank.advance("2 hours")
    assert "given back" in [one[0] for one in claim(bank, ["other"], 99)]


# Refusals -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call", ["CALL standin.sleep('s', '1 s')", "CALL standin.recv('t', NULL, NULL)", "CALL standin.event_set('e', '1')",
                                  "CALL standin.await_workflow('w', NULL)", "CALL standin.value('v', 'now', NULL)"])
def test_outside_a_workflow_they_are_refused(bank, call):
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="outside a workflow"):
        bank.query(call)


@pytest.mark.parametrize("name,body,sqlstate", [
    ("in_block", "BEGIN BEGIN CALL standin.sleep('s', '1 day'); EXCEPTION WHEN OTHERS THEN NULL; END; END", "2D000"),
    ("after_write", "BEGIN INSERT INTO public.setting VALUES ('1'); CALL standin.sleep('s', '1 day'); END", "25001"),
    ("waiting", "DECLARE s text; o jsonb; e jsonb; BEGIN CALL standin.workflow_wait('w', '1 s', s, o, e); END", "55000"),
    ("null_sleep", "BEGIN CALL standin.sleep('s', NULL); END", "22004"),
    ("no_name", "BEGIN CALL standin.sleep('', '1 s'); END", "22023"),
    ("bad_retries", "DECLARE o jsonb; BEGIN CALL standin.step('s', 'public.effect', '1', o, retries => -1); END", "22023"),
    ("bad_class", "DECLARE o jsonb; BEGIN CALL standin.step('s', 'public.effect', '1', o, retry_on => '{4}'); END", "22023"),
    ("bad_on_error", "DECLARE o jsonb; BEGIN CALL standin.step('s', 'public.effect', '1', o, on_error => 'ignore'); END", "22023"),
    ("no_sequence", "DECLARE o jsonb; BEGIN CALL standin.value('s', 'no.such', o); END", "42P01|3F000"),
    ("null_input", "DECLARE o jsonb; BEGIN CALL standin.step('s', 'public.strict', NULL, o); END", "22004"),
])
def test_what_is_wrong_in_a_procedure_fails_it_with_a_reason(bank, name, body, sqlstate):
    bank.admin(f"""SET SESSION AUTHORIZATION teller;
        CREATE PROCEDURE {name}(input jsonb) LANGUAGE plpgsql AS $body$ {body}; $body$; RESET SESSION AUTHORIZATION;
        SELECT standin.workflow_define('{name}', '{name}(jsonb)')""")
    bank.start(name, f"wrong {name}")
    bank.becomes(f"wrong {name}", "failed")
    assert bank.error(f"wrong {name}")["sqlstate"] in sqlstate.split("|")


def test_a_procedure_with_an_out_parameter_is_refused_at_its_definition(bank):
    bank.admin("CREATE PROCEDURE outs(input jsonb, OUT output jsonb) LANGUAGE plpgsql AS 'BEGIN END'")
    with pytest.raises(psycopg2.errors.InvalidFunctionDefinition):
        bank.admin("SELECT standin.workflow_define('outs', 'outs'::regproc::oid::regprocedure)")


def test_kills_of_the_dispatcher_lose_nothing(bank):
    ids = [f"many {i}" for i in range(30)]
    for workflow_id in ids:
        bank.start("sleeper", workflow_id, '{"duration": "1 hour"}')
    for workflow_id in ids:
        bank.becomes(workflow_id, "sleeping")
    for _ in range(3):
        await_("the server", lambda: bank.admin("DELETE FROM standin_private.worker_mark") is not None)
        victim = await_("the dispatcher", lambda: bank.process("dispatcher"), timeout=120)
        os.kill(victim, signal.SIGKILL)
        await_("its end", lambda victim=victim: bank.admin("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [victim]) == [])
    wakes_at = bank.admin("SELECT max(wakes_at) FROM standin.workflows WHERE workflow_id LIKE 'many%'")[0][0]

    def over():
        with contextlib.suppress(psycopg2.OperationalError):
            if bank.admin("SELECT standin_private.clock_now()")[0][0] < wakes_at:
                bank.advance("2 hours") # what was put forward does not survive a crash
            return bank.admin("SELECT count(*) FROM standin.workflows WHERE workflow_id LIKE 'many%' AND status = 'completed'") == [(len(ids),)]
    await_("the end of all", over, timeout=180)
    for workflow_id in ids:
        assert bank.effects(workflow_id) == ["before", "after"]
