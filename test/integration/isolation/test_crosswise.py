"""Several submits in one transaction: what the manual says of 40P01 and 40001 is what happens, and a retry puts it right."""

import contextlib
import threading

import psycopg2
import pytest

from harness.await_ import await_
from standin_bank import SUBMIT, Bank, payload


@pytest.fixture(scope="module")
def standin(bank):
    standin = Bank(bank)
    standin.switch("forced_stand_in")
    return standin


def submit(session, key, account):
    with session.cursor() as cursor:
        cursor.execute(SUBMIT, [key, payload(account)])
        return cursor.fetchone()


@contextlib.contextmanager
def sessions(standin, count, isolation="read committed"):
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(contextlib.closing(standin.service.connect("bank", user="app", autocommit=False))) for _ in range(count)]
        for session in opened:
            session.set_session(isolation_level=isolation)
        yield opened


def in_background(work):
    outcome = []

    def run():
        try:
            outcome.append(work())
        except psycopg2.Error as error:
            outcome.append(error.pgcode)
    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def waiting(standin):
    return standin.value("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and usename = 'app'")


def test_crosswise_submits_end_in_40P01_for_one_of_them(standin):
    with sessions(standin, 2) as (one, other):
        submit(one, "cross-1-a", 1)
        submit(other, "cross-2-b", 2)
        thread, outcome = in_background(lambda: submit(one, "cross-1-b", 2)[1])
        await_("the first waits", lambda: waiting(standin) == 1)
        try:
            mine = submit(other, "cross-2-a", 1)[1]
        except psycopg2.Error as error:
            mine = error.pgcode
        thread.join()
        assert sorted([mine, *outcome]) == ["40P01", "accepted"]
        victim, number = (other, 2) if mine == "40P01" else (one, 1)
        (one if victim is other else other).commit()
        victim.rollback()
        for account in (1, 2):  # again from the start, with the same keys
            submit(victim, f"cross-{number}-{'ab'[account - 1]}", account)
        victim.commit()
    assert standin.value("select count(*) from standin.transactions where key like 'cross-%%'") == 4
    standin.require_balance()


def test_in_one_order_they_only_wait(standin):
    with sessions(standin, 2) as (one, other):
        submit(one, "order-1-a", 1)
        thread, outcome = in_background(lambda: [submit(other, f"order-2-{name}", account)[1] for account, name in ((1, "a"), (2, "b"))])
        await_("the second waits", lambda: waiting(standin) == 1)
        submit(one, "order-1-b", 2)
        one.commit()
        thread.join()
        assert outcome == [["accepted", "accepted"]]
        other.commit()
    standin.require_balance()


def test_repeatable_read_meets_40001_on_an_account_that_another_has_used(standin):
    with sessions(standin, 2, "repeatable read") as (one, other):
        with other.cursor() as cursor:
            cursor.execute("select 1")  # its snapshot
        submit(one, "snapshot-1", 3)
        one.commit()
        with pytest.raises(psycopg2.errors.SerializationFailure):
            submit(other, "snapshot-2", 3)
        other.rollback()
        assert submit(other, "snapshot-2", 3)[1] == "accepted"
        other.commit()
    standin.require_balance()
