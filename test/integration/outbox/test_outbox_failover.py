"""A standby is promoted: nothing is doubled, the server of before is fenced, and what an asynchronous one lost is counted."""

import shutil

import pytest

from harness import postgres
from harness.await_ import await_
from harness.process import run
from readers import Outbox, kafka  # noqa: F401


def standby(bank, name, **settings):
    """Another cluster, made from the service and following it."""
    made = postgres.service(name, bank.directory)
    made.data.mkdir(mode=0o700)
    if made.user:
        shutil.chown(made.data, made.user)
    run([made.bindir / "pg_basebackup", "-h", "127.0.0.1", "-p", str(bank.service.port), "-U", "postgres", "-D", made.data, "-R",
         "-X", "stream", "-c", "fast"], user=made.user, cwd=bank.directory)
    made.configure(port=made.port, unix_socket_directories=str(made.sockets), listen_addresses="127.0.0.1", **settings)
    return made.start()


@pytest.fixture(scope="module")
def outbox(kafka, bank):
    bank.service.configure(**{"pg_standin.instance": "one", "wal_keep_size": "1GB"})
    bank.service.restart()
    return Outbox(bank, "failover")


def values(outbox):
    return [value for _, value, _ in outbox.records("a")]


def test_a_promoted_standby_goes_on_and_the_old_primary_is_fenced(outbox):
    bank, old = outbox.bank, outbox.bank.service
    outbox.publish(("a", "k", "before"))
    outbox.drained()
    new = standby(bank, "second")
    await_("the standby", lambda: new.value("select count(*) from standin_private.outbox_claim", dbname="bank") > 0)
    outbox.publish(("a", "k", "replicated"))
    outbox.drained()
    position = old.value("select pg_current_wal_flush_lsn()")
    await_("replay", lambda: new.value("select pg_last_wal_replay_lsn() >= %s::pg_lsn", [position]))
    new.query("select pg_promote()")
    await_("promotion", lambda: not new.value("select pg_is_in_recovery()"))
    bank.service = new
    await_("the new relay", lambda: outbox.stat("state") == "running", 120)
    outbox.publish(("a", "k", "on the new one"))
    outbox.drained()
    assert values(outbox) == ["before", "replicated", "on the new one"] and outbox.mark()["timeline"] == 2
    # The old one still runs, and does not know: what it publishes leaves it never.
    old.query("select standin.outbox_publish('failover.a', 'k', 'on the old one')", dbname="bank")
    await_("the old one fenced", lambda: old.value("select state from standin.stat_outbox", dbname="bank") == "fenced", 120)
    for _ in range(3):
        old.restart()
        await_("the old one fenced again", lambda: old.value("select state from standin.stat_outbox", dbname="bank") == "fenced", 120)
    outbox.publish(("a", "k", "undisturbed"))
    outbox.drained()
    assert values(outbox) == ["before", "replicated", "on the new one", "undisturbed"]
    assert outbox.stat("state") == "running"
    old.stop()


def test_what_an_asynchronous_standby_lost_is_counted(outbox):
    bank, old = outbox.bank, outbox.bank.service
    new = standby(bank, "third")
    await_("the standby", lambda: new.value("select count(*) from standin_private.outbox_claim", dbname="bank") > 0)
    new.stop()
    outbox.publish(("a", "k", "lost 1"), ("a", "k", "lost 2"))
    outbox.publish(("a", "k", "lost 3"))
    outbox.drained()
    old.kill9()
    new.start()
    new.query("select pg_promote()")
    await_("promotion", lambda: not new.value("select pg_is_in_recovery()"))
    bank.service = new
    await_("its state", lambda: outbox.stat("state") in ("diverged", "running"), 120)
    assert outbox.stat("state") == "diverged" and "events are in Kafka that were lost here, 3 of them" in outbox.stat("reason")
    outbox.publish(("a", "k", "waits"))
    bank.query("select standin.outbox_relay_adopt('failover', 'from_mark', 'settled by hand')")
    outbox.drained()
    assert values(outbox)[-4:] == ["lost 1", "lost 2", "lost 3", "waits"]
