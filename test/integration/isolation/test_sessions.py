"""Sessions that idle in a transaction hold up what they have locked themselves, and nobody else."""

import contextlib

import pytest

from harness.await_ import await_
from standin_bank import EXECUTE, Bank, payload

SESSIONS = 16


@pytest.fixture(scope="module")
def standin(bank):
    return Bank(bank)


@pytest.fixture
def idle_sessions(standin):
    """Accounts 0 to 15 have a posted payment each, then a session that submits another and idles."""
    with contextlib.ExitStack() as stack:
        number = standin.value("select count(*) from standin.transactions")
        for account in range(SESSIONS):
            standin.submit(f"posted-{number}-{account}", account)
        standin.submit(f"free-{number}", 100)
        await_("all posted", standin.queue_is_empty)
        sessions = [stack.enter_context(standin.idle_session(f"idle-{number}-{account}", account)) for account in range(SESSIONS)]
        yield number, sessions


def confirm(standin, keys):
    """As change capture does, in one transaction; it must not wait for anybody."""
    session = standin.service.connect("bank", autocommit=False)
    with contextlib.closing(session), session.cursor() as cursor:
        cursor.execute("set statement_timeout = '20 s'")
        for key in keys:
            cursor.execute("select confirm('history', %s)", [key])
        session.commit()


def test_confirmations_go_past_idle_sessions_and_are_made_when_these_end(standin, idle_sessions):
    number, sessions = idle_sessions
    keys = [f"posted-{number}-{account}" for account in range(SESSIONS)]
    confirm(standin, [*keys, f"free-{number}"])
    assert standin.state(f"free-{number}") == "reconciled"
    assert {standin.state(key) for key in keys} == {"posted"}
    assert standin.value("select count(*) from standin_private.confirmation") == SESSIONS
    standin.require_balance()  # an event that waits is no fault
    assert standin.query("select * from standin.reconciliation_differences") == []
    confirm(standin, keys)  # a second event of the same booking changes nothing
    sessions[0].rollback()
    standin.await_state(keys[0], "reconciled")
    for session in sessions[1:]:
        session.commit()
    for key in keys:
        standin.await_state(key, "reconciled")
    assert standin.value("select count(*) from standin_private.confirmation") == 0
    await_("all posted", standin.queue_is_empty)
    standin.require_balance()


def test_other_accounts_are_posted_meanwhile(standin, idle_sessions):
    number, _ = idle_sessions
    session = standin.service.connect("bank", user="app")
    with contextlib.closing(session), session.cursor() as cursor:
        cursor.execute("set statement_timeout = '20 s'")
        for account in range(200, 220):
            cursor.execute(EXECUTE, [f"other-{number}-{account}", payload(account)])
            assert cursor.fetchone()[1] == "posted"
    for payment in range(50):
        standin.submit(f"queued-{number}-{payment}", 230)
    await_("all of a backlog posted", lambda: standin.value(
        "select count(*) from standin.transactions where key like %s and state = 'posted'", [f"queued-{number}-%"]) == 50)


def test_what_a_change_event_has_booked_is_not_sent_again_though_its_account_is_locked(standin):
    standin.switch("forced_stand_in")
    standin.submit("restored", 300)
    with standin.idle_session("on-top", 300) as session:
        confirm(standin, ["restored"])  # the core knows it: this queue is older than the core
        assert standin.state("restored") == "accepted"
        standin.require_balance()
        with pytest.raises(Exception, match="lock|timeout"):
            standin.query("set lock_timeout = '1 s'; select standin.repair_resolve(ticket, 'cancelled', 'a test') from standin.transactions where key = 'restored'")
        standin.submit("another", 301)
        standin.switch("recovering")
        standin.await_state("another", "posted")
        standin.await_mode("online")
        assert standin.state("restored") == "accepted"
        session.rollback()
    standin.await_state("restored", "reconciled")
    assert standin.core.query("select * from core_log where idempotency_key = 'restored'") == []
    assert standin.query("select * from standin_private.core_answer where key = 'restored'") == []
    standin.require_balance()


def test_an_operator_who_idles_after_a_switch_stops_neither_prober_nor_replay(standin):
    session = standin.service.connect("bank", autocommit=False)
    with contextlib.closing(session), session.cursor() as cursor:
        cursor.execute("select standin.core_switch('core', 'forced_online', 'a test')")
        standin.in_trouble(400, "53200")
        standin.submit("in-trouble", 400)
        standin.submit("well", 401)
        standin.await_state("well", "posted")
        standin.await_state("in-trouble", "repair")
        await_("the prober says so", lambda: "held" in (standin.value("select detail from standin.stat_worker where kind = 'prober'") or ""))
        session.rollback()
    await_("the prober is content", lambda: not standin.value("select detail from standin.stat_worker where kind = 'prober'"))


def test_an_operator_who_idles_after_a_repair_holds_up_no_other_account(standin):
    """Though what was repaired is no head: the queue's row of its account is locked then."""
    standin.query("select standin.operation_define('core', 'fee', standin_allowed => true, dedup => 'key', on_reject => 'continue')")
    fee = "select standin.transaction_submit('core', 'fee', %s, %s)"
    standin.in_trouble(500, "refused")
    standin.switch("forced_stand_in")
    for key in ("older", "younger"):
        standin.query(fee, [key, payload(500)])
    standin.switch("recovering")
    for key in ("older", "younger"):
        standin.await_state(key, "rejected")
    standin.well()
    standin.switch("forced_stand_in")
    retry = "select standin.repair_resolve(ticket, 'retry', 'a test') from standin.transactions where key = %s"
    standin.query(retry, ["older"])
    standin.submit("not-concerned", 501)
    session = standin.service.connect("bank", autocommit=False)
    with contextlib.closing(session), session.cursor() as cursor:
        cursor.execute(retry, ["younger"])
        standin.switch("recovering")
        standin.await_state("not-concerned", "posted")
        assert standin.value("select bool_and(blocked_by is null and last_error is null) from standin.stat_worker where kind = 'replay'")
        assert standin.state("older") == "accepted"
        session.commit()
    standin.await_state("older", "posted")
    standin.await_state("younger", "posted")
    standin.await_mode("online")
    standin.require_balance()


def workers(standin, what):
    return dict(standin.query(f"select kind, {what} from standin.stat_worker"))


def test_who_locks_a_table_of_the_product_is_waited_for_with_a_bound_and_named(standin):
    standin.submit("before", 600)
    standin.await_state("before", "posted")
    restarts = workers(standin, "restarts")
    session = standin.service.connect("bank", autocommit=False, application_name="maintenance")
    with contextlib.closing(session), session.cursor() as cursor:
        cursor.execute("lock table standin_private.core_mode, standin_private.clock_mark in access exclusive mode")
        holder = f"held by process {session.info.backend_pid}"
        for kind in ("prober", "replay"):
            if kind == "replay":
                standin.query("select standin_private.wake('replay')")
            await_(f"the {kind} is blocked", lambda kind=kind: workers(standin, "state")[kind] == "blocked" and holder in workers(standin, "detail")[kind])
            assert workers(standin, "recovered_at")[kind] is None
        standin.query("select standin_private.wake('supervisor')")
        await_("the supervisor says so", lambda: holder in (workers(standin, "detail")["supervisor"] or ""))
        session.rollback()
    standin.submit("after", 600)
    standin.await_state("after", "posted")
    await_("it is over", lambda: standin.value("select bool_and(recovered_at > error_at) from standin.stat_worker where kind in ('prober', 'replay')"))
    await_("the supervisor goes on", lambda: not workers(standin, "detail")["supervisor"])
    assert workers(standin, "restarts") == restarts


WORKFLOW = """
create role clerk login;
grant standin_app to clerk;
create function await_release(input jsonb) returns jsonb language plpgsql as $$ begin perform pg_advisory_xact_lock(4711); return input; end $$;
create procedure released(input jsonb, inout output jsonb) language plpgsql as $$
begin
    call standin.step('await', 'public.await_release', input, output);
end $$;
select standin.workflow_define('released', 'public.released(jsonb,jsonb)');
"""


def test_the_end_of_a_workflow_that_a_session_keeps_from_being_recorded_is_recorded_later(standin):
    standin.service.psql("-c", WORKFLOW, dbname="bank")
    status = "select status from standin.workflow_result('w')"
    holder = standin.service.connect("bank")
    session = standin.service.connect("bank", autocommit=False)
    with contextlib.closing(holder), contextlib.closing(session), holder.cursor() as holding, session.cursor() as cursor:
        holding.execute("select pg_advisory_lock(4711)")
        standin.query("select standin.workflow_start('released', 'w', '{}')", user="clerk")
        await_("it runs", lambda: standin.value(status) == "running")
        cursor.execute("lock table standin_private.workflow_task in share mode")
        holding.execute("select pg_advisory_unlock(4711)")
        await_("the executor is blocked", lambda: standin.value(
            "select detail like '%%held by%%' from standin.stat_worker where kind = 'executor' and state = 'blocked'"))
        session.rollback()
        await_("the end", lambda: standin.value(status) == "completed")
