"""The queue of payments: its order, its heads, its cost whatever the statistics say, and accounts that are in trouble."""

import contextlib
import random

import psycopg2
import pytest

from harness.await_ import await_
from standin_bank import Bank

QUEUE_TABLES = ("pending_transaction", "account_queue", "account", "transaction_key", "confirmation", "core_answer")
WHOLE_READS = "select relname, seq_scan from pg_stat_user_tables where schemaname = 'standin_private' and relname = any(%s)"


@pytest.fixture(scope="module")
def standin(bank):
    return Bank(bank)


@pytest.fixture(autouse=True)
def well(standin):
    yield
    standin.well()
    if standin.value("select mode from standin.core_status").startswith("forced"):
        standin.switch("recovering")
    standin.await_mode("online")


def test_no_table_of_the_queue_is_read_whole_though_it_was_empty_when_the_plans_were_made(standin):
    # The first test, as on a first day: all plans are made while the tables are known to be empty.
    standin.switch("forced_stand_in")
    for table in QUEUE_TABLES:
        standin.query(f"vacuum analyze standin_private.{table}")
    standin.service.stop()
    standin.service.start()
    session = standin.service.connect("bank")
    with contextlib.closing(session), session.cursor() as cursor:
        for number in range(20):
            cursor.execute("select standin.transaction_submit('core', 'payment', %s, %s)", [f"first-{number}", f'{{"account": {number % 4}, "amount": 1}}'])
        standin.switch("recovering")
        await_("the first are posted", standin.queue_is_empty)
        standin.switch("forced_stand_in")
        standin.submit_many("full", 2000, 500)
        before = dict(standin.query(WHOLE_READS, [list(QUEUE_TABLES)]))
        standin.switch("recovering")
        cursor.execute("select standin.transaction_submit('core', 'payment', 'late', '{\"account\": 77, \"amount\": 1}')")
        await_("mode online", lambda: standin.value("select mode from standin_private.core_mode") == "online")
    standin.service.stop()  # what sessions and workers counted is written
    standin.service.start()
    after = dict(standin.query(WHOLE_READS, [list(QUEUE_TABLES)]))
    assert after == before
    assert len(standin.booked_in_order("full")) == 500


def test_a_backlog_is_drained_in_order_whenever_the_tables_are_analyzed(standin):
    standin.switch("forced_stand_in")
    standin.query("analyze")
    standin.submit_many("drain", 3000, 300)
    standin.query("analyze standin_private.account_queue")
    standin.require_balance()
    standin.switch("recovering")
    await_("the middle", lambda: standin.core.value("select count(*) from core_log") > 1000)
    standin.query("analyze")
    await_("the end", standin.queue_is_empty)
    standin.await_mode("online")
    booked = standin.booked_in_order("drain")
    assert len(booked) == 300
    assert all(numbers == sorted(numbers) and len(numbers) == 10 for numbers in booked.values())
    standin.require_balance()


@pytest.mark.parametrize("how", ["57014", "53200", "58030", "25006", "slow"])
def test_a_payment_that_always_fails_keeps_nobody_in_recovery(standin, how):
    standin.in_trouble(4711, how)
    standin.switch("forced_stand_in")
    changes = standin.value("select count(*) from standin.core_mode_changes")
    standin.submit(f"poison-{how}", 4711)
    standin.submit(f"behind-{how}", 4711)
    standin.submit(f"other-{how}", 4712)
    standin.switch("recovering")
    standin.await_state(f"other-{how}", "posted")
    standin.await_mode("online")
    assert standin.state(f"poison-{how}") != "posted"
    # Attempts are spent, and a person is asked; the mode does not move in between.
    standin.await_state(f"poison-{how}", "repair")
    assert standin.query("select attempts, promised from standin.transactions where key = %s", [f"poison-{how}"]) == [(3, True)]
    assert standin.value("select count(*) from standin.core_mode_changes where mode_after in ('stand_in')") == 0
    if how != "slow":  # a call that hangs makes the core suspect, no more
        assert standin.value("select count(*) from standin.core_mode_changes") == changes + 2
    assert standin.value("select count(*) from standin_private.core_answer where key = %s", [f"poison-{how}"]) <= 6
    standin.require_balance()
    standin.well()
    standin.query("select standin.repair_resolve(ticket, 'retry', 'a test') from standin.transactions where key = %s", [f"poison-{how}"])
    standin.await_state(f"behind-{how}", "posted")


def test_counts_of_probes_start_anew_when_an_operator_switches(standin):
    standin.query("update standin_private.core_mode set bad = 1000, good = 0, mode = 'forced_stand_in', "
                  "episode = coalesce(episode, 1) where core = 'core'")
    session = standin.service.connect("bank", autocommit=False)
    with contextlib.closing(session), session.cursor() as cursor:
        cursor.execute("select standin.core_switch('core', 'recovering', 'a test')")
        cursor.execute("select good_probes, bad_probes from standin.core_status")
        assert cursor.fetchone() == (0, 0)
        session.commit()
    standin.await_mode("online")


def test_whatever_happens_to_heads_and_others_the_queue_knows_its_heads(standin):
    chance = random.Random(4711)
    accounts = range(9000, 9008)
    keys = []
    standin.in_trouble(9001, "refused")
    standin.in_trouble(9002, "53200")
    for turn in range(150):
        action = chance.choice(("submit", "submit", "submit", "cancel", "retry", "settle", "confirm", "switch"))
        key = chance.choice(keys) if keys else None
        with contextlib.suppress(psycopg2.errors.ObjectNotInPrerequisiteState, psycopg2.errors.SerializationFailure):
            if action == "submit":
                keys.append(f"random-{turn}")
                standin.submit(keys[-1], chance.choice(accounts))
            elif action == "switch":
                standin.switch(chance.choice(("forced_stand_in", "recovering")))
            elif key and action == "confirm":
                standin.query("select confirm('history', %s)", [key])
            elif key:
                resolution = {"cancel": "cancelled", "retry": "retry", "settle": "compensated"}[action]
                standin.query("select standin.repair_resolve(ticket, %s, 'a test') from standin.transactions where key = %s", [resolution, key])
        assert standin.query("select * from standin.conservation_faults where fault like '%head of its queue%'") == []
    assert standin.value("select balanced from standin.conservation") or standin.query("select * from standin.reconciliation_differences")
    standin.well()
    standin.switch("recovering")
    await_("all settled", lambda: standin.query(
        "select standin.repair_resolve(ticket, 'retry', 'a test') from standin.transactions where state = 'repair'") == [] and standin.queue_is_empty())


def test_a_row_of_the_queue_that_contradicts_the_transactions_is_a_fault(standin):
    standin.switch("forced_stand_in")
    standin.submit("tampered-1", 8000)
    standin.submit("tampered-2", 8000)
    for tampering in ("delete from standin_private.account_queue where account = '8000'",
                      "update standin_private.account_queue set ticket = ticket + 1 where account = '8000'",
                      "update standin_private.account_queue set state = 'repair' where account = '8000'",
                      "update standin_private.account_queue set account = '8001' where account = '8000'"):
        session = standin.service.connect("bank", autocommit=False)
        with contextlib.closing(session), session.cursor() as cursor:
            cursor.execute(tampering)
            cursor.execute("select count(*) from standin.conservation_faults where fault like '%head of its queue%'")
            assert cursor.fetchone()[0] > 0, tampering
            session.rollback()
