"""Rounds of random death: clients pay all the time while core, service, Kafka and Connect are killed -9, at random
moments and at named points; after each round the core's own log must hold what the clients were told, and nothing else.

STANDIN_CRASH_ROUNDS sets the number of rounds, STANDIN_SEED repeats one.
"""

import collections
import os
import random
import threading

import pytest

from harness.await_ import await_
from harness.core import fingerprint
from harness.deaths import strike, told
from harness.environment import Environment
from harness.payments import await_clients, make_payments, order_violations, start_clients

ROUNDS = int(os.environ.get("STANDIN_CRASH_ROUNDS") or 3)
SEED = int(os.environ.get("STANDIN_SEED") or random.SystemRandom().randrange(1_000_000))
CLIENTS = 4
ACCOUNTS = range(1, 101)
# Each bullet in its chamber as often as it is listed here.
VICTIMS = ["service"] * 4 + ["core"] * 3 + ["connect", "kafka"]
POINTS = ["cdc_before_apply", "cdc_after_apply", "cdc_before_commit", "cdc_after_commit", "replay_before_send",
          "replay_after_send", "replay_before_outcome_commit", "execute_before_send", "execute_before_outcome_commit"]
OPEN = "select count(*) from standin.pending_transactions"


@pytest.fixture(scope="module")
def bank():
    environment = Environment()
    environment.start_bank()
    environment.define_core()
    environment.define_cdc()
    await_("the snapshot", lambda: environment.value("select count(*) from pgbench_accounts") == 100_000, 180)
    yield environment
    environment.stop()


def play(bank, number, chance):
    """One round: what the clients were told."""
    print(f"round {number}", flush=True)
    payments = make_payments(10_000, ACCOUNTS, f"round-{number}", chance)
    stopping = threading.Event()
    clients = start_clients(bank, payments, CLIENTS, chance.randrange(1000), execute=0.5, pace=0.02, stopping=stopping)
    load = bank.core.load(rate=100, clients=2)
    strike(bank, chance, VICTIMS, POINTS, share=0.3)
    stopping.set()
    await_clients(clients)
    load.stop()
    return [payment for payment in payments if payment.asked]


def settle(bank):
    if not bank.connect.alive():
        bank.connect.start()
    bank.connect.ensure_running(180)
    await_("every payment to be settled", lambda: bank.value(OPEN) == 0, 300)
    await_("the four tables to be equal", lambda: fingerprint(bank.core.query) == fingerprint(bank.query), 300, 0.5)


def check(bank, payments, before):
    told = {payment.key: payment for payment in payments}
    booked = [row for row in bank.core.booked() if row[0] > before]
    times = collections.Counter(key for _, key, _, _ in booked)
    assert not {payment.status for payment in payments} & {"declined", "rejected", "repair"}
    assert times == {payment.key: 1 for payment in payments}, "booked is not what was accepted, once each"
    for _, key, account, amount in booked:
        assert (account, amount) == (told[key].account, told[key].amount)
    assert order_violations(payments, [key for _, key, _, _ in booked]) == []
    assert bank.query("select faults, balanced from standin.conservation") == [(0, True)], \
        bank.query("select * from standin.conservation_faults limit 10")


def test_rounds(bank):
    print(f"STANDIN_SEED={SEED}")
    chance = random.Random(SEED)
    with told(bank, ("core_status", "stat_worker", "stat_cdc", "conservation", "conservation_faults", "pending_transactions")):
        for number in range(1, ROUNDS + 1):
            before = bank.core.value("select coalesce(max(sequence), 0) from core_log")
            payments = play(bank, number, chance)
            settle(bank)
            check(bank, payments, before)
            print(f"  {len(payments)} payments, each booked once, in order", flush=True)
