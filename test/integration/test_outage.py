"""The main job under fire, judged by the core's own log.

The core is killed -9 under pgbench's load; 1,000 payments on 50 accounts come in during the outage over 8 connections;
the core returns, and the service's PostgreSQL is killed -9 twice during the replay and twice while it applies changes.
"""

import collections
import contextlib
import os
import random

import pytest

from harness.await_ import await_
from harness.core import fingerprint
from harness.payments import order_violations, submit_all

PAYMENTS, ACCOUNTS, CONNECTIONS = 1000, 50, 8
SEED = int(os.environ.get("STANDIN_SEED") or random.SystemRandom().randrange(1_000_000))

HISTORY = "select count(*) from pgbench_history"
BOOKED = "select count(*) from core_log"
OPEN = "select count(*) from standin.pending_transactions"
MODE = "select mode from standin.core_status where core = 'core'"
# Where conservation is counted from; each also names which of its rows to take away.
SOURCES = {
    "decision": "decision = 'accepted'",
    "pending_transaction": "state = 'reconciled'",
    "transaction_key": "true",
    "core_answer": "outcome = 'posted'",
    "core_event": "true",
}


def report(bank):
    """What a person would look at first when the drama ends badly."""
    for view in ("standin.core_status", "standin.stat_worker", "standin.stat_cdc", "standin.conservation",
                 "standin.conservation_faults"):
        try:
            print(bank.service.psql("-x", "-c", f"select * from {view} limit 20", dbname=bank.DATABASE))
        except RuntimeError as error:
            print(error)
    print(bank.query("select state, count(*), min(message) from standin.transactions group by state"))


def open_the_bank(bank):
    bank.start_bank()
    bank.define_core(replay_rate=150)
    bank.define_cdc()


def kill_during_replay(bank, chance):
    """Twice, each time when a random share of what is left has been booked."""
    for _ in range(2):
        booked = bank.core.value(BOOKED)
        target = booked + (PAYMENTS - booked) * chance.uniform(0.1, 0.5)
        await_(f"{target:.0f} payments to be booked", lambda: bank.core.value(BOOKED) >= target, 120)
        print(f"service killed -9 with {bank.core.value(BOOKED)} payments booked")
        bank.service.kill9()
        bank.service.start()


def kill_during_apply(bank, chance):
    """While pgbench runs on the core: when a random number of further rows has arrived, and more are on their way."""
    target = bank.value(HISTORY) + chance.randint(200, 900)
    await_(f"{target} history rows to arrive", lambda: bank.value(HISTORY) >= target, 120)
    print(f"service killed -9 with {bank.value(HISTORY)} of {bank.core.value(HISTORY)} history rows applied")
    bank.service.kill9()
    bank.service.start()


def kill_in_mid_apply(bank, chance):
    """The worker that applies is killed -9 within a transaction with rows of all tables; all sessions go with it."""
    bank.query("select standin.cdc_pause('core')")
    behind = bank.core.value(HISTORY) + 500
    await_("work to pile up", lambda: bank.core.value(HISTORY) > behind, 120)
    point = chance.choice(["cdc_before_apply", "cdc_after_apply", "cdc_before_commit", "cdc_after_commit"])
    print(f"cdc worker killed -9 at {point}")
    bank.query("select standin_private.crash_point_arm(%s)", [point])
    killed = "was terminated by signal 9"
    before = bank.service.process.log.read_text().count(killed)
    bank.query("select standin.cdc_resume('core')")
    await_("the crash", lambda: bank.service.process.log.read_text().count(killed) > before)
    await_("the recovery", lambda: bank.value("select 1"))


def play(bank):
    chance = random.Random(SEED)
    open_the_bank(bank)
    load = bank.core.load(rate=300)
    await_("snapshot and stream to arrive", lambda: bank.value(HISTORY) > 500, 180)
    assert bank.value(MODE) == "online"

    bank.core.kill9()
    await_("pgbench to lose its core", lambda: not load.alive())
    accounts = chance.sample(range(1, 100_001), ACCOUNTS)
    payments = submit_all(bank, PAYMENTS, accounts, CONNECTIONS, SEED)
    await_("stand-in", lambda: bank.value(MODE) == "stand_in")

    bank.core.start()
    kill_during_replay(bank, chance)
    bank.connect.ensure_running()
    load = bank.core.load(rate=300)
    kill_during_apply(bank, chance)
    kill_in_mid_apply(bank, chance)
    load.stop()

    await_("every payment to be reconciled", lambda: bank.value(OPEN) == 0, 180)
    await_("the four tables to be equal", lambda: fingerprint(bank.core.query) == fingerprint(bank.query), 180, 0.5)
    return payments


@pytest.fixture(scope="module")
def payments(bank):
    print(f"STANDIN_SEED={SEED}")
    try:
        return play(bank)
    except BaseException:
        if bank.service and bank.service.alive():
            report(bank)
        raise


def test_every_payment_was_accepted(payments):
    assert collections.Counter(payment.status for payment in payments) == {"accepted": PAYMENTS}


def test_each_is_booked_exactly_once(bank, payments):
    booked = collections.Counter((key, account, amount) for _, key, account, amount in bank.core.booked())
    assert booked == collections.Counter((payment.key, payment.account, payment.amount) for payment in payments)


def test_each_account_is_booked_in_submission_order(bank, payments):
    keys = [key for _, key, _, _ in bank.core.booked()]
    assert order_violations(payments, keys) == []
    assert order_violations(payments, keys[::-1]), "the check cannot see a wrong order"


def test_the_four_tables_are_equal(bank, payments):
    assert fingerprint(bank.query) == fingerprint(bank.core.query)


def test_the_books_balance(bank, payments):
    counts = bank.query("select accepted, posted, open, faults, balanced from standin.conservation where core = 'core'")
    assert counts == [(PAYMENTS, PAYMENTS, 0, 0, True)]
    assert bank.value("select sum(held) from standin.accounts") == 0


@pytest.mark.parametrize("table", SOURCES)
def test_a_row_missing_anywhere_shows(bank, payments, table):
    with contextlib.closing(bank.service.connect(bank.DATABASE, autocommit=False)) as session:
        cursor = session.cursor()
        cursor.execute(f"alter table standin_private.{table} disable trigger user")  # which forbid it
        cursor.execute(f"delete from standin_private.{table} where ctid in "
                       f"(select ctid from standin_private.{table} where {SOURCES[table]} limit 1)")
        assert cursor.rowcount == 1
        cursor.execute("select balanced from standin.conservation where core = 'core'")
        assert cursor.fetchall() == [(False,)]
        session.rollback()
    assert bank.value("select balanced from standin.conservation where core = 'core'") is True
