"""Whatever dies, and wherever: every committed event is in Kafka once. The seed is printed; STANDIN_SEED repeats it."""

import os
import random
import signal

import psycopg2
import pytest

from harness.await_ import await_
from payments import Writers, await_back, prove
from readers import Outbox, kafka  # noqa: F401

SEED = int(os.environ.get("STANDIN_SEED") or random.SystemRandom().randrange(1_000_000))
POINTS = ["claimed", "produced", "flushed", "committing", "committed", "truncated"]


@pytest.fixture(scope="module")
def outbox(kafka, bank):
    print("seed", SEED)
    made = Outbox(bank, "crash", topics=("risk", "clearing", "booking"), partitions=2)
    yield made
    made.drop()


def pid(outbox):
    return await_("the relay", lambda: outbox.stat("state") == "running" and outbox.stat("pid"), 120)


@pytest.mark.parametrize("point", POINTS)
def test_a_relay_that_dies_at_its_worst_moments(outbox, point):
    bank = outbox.bank
    before = pid(outbox)
    with Writers(outbox, 4, f"{SEED}-{point}") as writers:
        await_("events on their way", lambda: outbox.stat("transactions") > 0)
        try:
            if point == "claimed":  # only a new process comes there
                bank.query("select standin_private.crash_point_arm('outbox.claimed', 0)")
                bank.query("select pg_terminate_backend(%s)", [before])
            else:
                bank.query("select standin_private.crash_point_arm(%s, %s)", [f"outbox.{point}", random.Random(SEED).randint(0, 9)])
        except psycopg2.OperationalError:
            pass  # it has gone off already
        await_("its death", lambda: f"(PID {before}) was terminated by signal 9" in bank.service.process.log.read_text()
               or point == "claimed" and bank.service.process.log.read_text().count("was terminated by signal 9: Killed") > deaths(outbox), 60)
        await_back(bank)
        await_("another process", lambda: outbox.stat("pid") not in (None, before) and outbox.stat("state") == "running", 120)
        sent = outbox.stat("transactions")
        await_("more to be sent", lambda: outbox.stat("transactions") > sent + 3, 60)
    DEATHS.append(point)
    assert prove(outbox, writers.run) > 0


DEATHS = []


def deaths(_):
    return len(DEATHS)


def test_a_server_that_dies(outbox):
    bank = outbox.bank
    pid(outbox)
    with Writers(outbox, 4, f"{SEED}-server") as writers:
        await_("events on their way", lambda: outbox.stat("waiting_rows") > 0)
        bank.service.kill9()
        bank.service.start()
        await_back(bank)
        before = outbox.stat("transactions")
        await_("more to be sent", lambda: outbox.stat("transactions") > before + 3, 120)
    assert prove(outbox, writers.run) > 0


def test_a_broker_that_dies_and_comes_back(outbox):
    bank = outbox.bank
    pid(outbox)
    with Writers(outbox, 4, f"{SEED}-broker") as writers:
        await_("events on their way", lambda: outbox.stat("transactions") > 0)
        bank.kafka.kill9()
        await_("the relay to say so", lambda: outbox.stat("state") in ("retrying", "crashed", "stopped"), 120)
        bank.kafka.start()
        pid(outbox)
        before = outbox.stat("transactions")
        await_("more to be sent", lambda: outbox.stat("transactions") > before + 3, 120)
    assert prove(outbox, writers.run) > 0


def test_a_process_that_is_frozen_beyond_the_transaction_timeout(outbox):
    """The broker gives its transaction up, and answers as if somebody else were there. Nobody is."""
    bank = outbox.bank
    bank.query("alter server kafka options (add \"transaction.timeout.ms\" '3000')")
    before = pid(outbox)
    with Writers(outbox, 2, f"{SEED}-frozen") as writers:
        await_("events on their way", lambda: outbox.stat("transactions") > 0)
        for _ in range(3):
            before = pid(outbox)
            os.kill(before, signal.SIGSTOP)
            frozen = outbox.stat("waiting_rows")
            await_("a queue", lambda: outbox.stat("lag_seconds") > 6 or outbox.stat("waiting_rows") > frozen + 10**6, 60)
            os.kill(before, signal.SIGCONT)
            sent = outbox.stat("transactions")
            await_("more to be sent", lambda: outbox.stat("transactions") > sent + 3, 120)
    bank.query("alter server kafka options (drop \"transaction.timeout.ms\")")
    assert prove(outbox, writers.run) > 0
    assert outbox.stat("state") in ("running", "connecting", "starting")


def test_a_broker_that_is_frozen(outbox):
    """Nothing waits inside the library: a relay that is told to end does, and nothing is lost or doubled."""
    bank = outbox.bank
    before = pid(outbox)
    with Writers(outbox, 2, f"{SEED}-broker-frozen") as writers:
        await_("events on their way", lambda: outbox.stat("transactions") > 0)
        bank.kafka.process.signal(signal.SIGSTOP)
        try:
            await_("the relay to say so", lambda: outbox.stat("state") == "retrying", 60)
            bank.query("select pg_terminate_backend(%s)", [before])
            await_("its end", lambda: not os.path.exists(f"/proc/{before}"), 10)
        finally:
            bank.kafka.process.signal(signal.SIGCONT)
        pid(outbox)
        sent = outbox.stat("transactions")
        await_("more to be sent", lambda: outbox.stat("transactions") > sent + 3, 120)
    assert prove(outbox, writers.run) > 0
