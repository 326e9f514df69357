"""Dumps of a bank at work, restored in every way while Kafka and the core can be reached: the copy is the original row by
row, reads nothing, sends nothing, does nothing until it is adopted, and then goes on."""

import psycopg2
import pytest

from copies import FOREIGN_KEYS, await_refused, contents, episode, make_bank, require_equal, rows
from harness import postgres
from harness.await_ import await_
from streams import kafka  # noqa: F401

RECORDS = 2000
WAYS = {"plain": [], "in_one_transaction": ["-1"], "parallel": ["-j", "4"]}


@pytest.fixture(scope="module")
def original(kafka, bank):
    """The streams of a bank in the middle of its work, and what is in it."""
    streams = make_bank(bank, records=RECORDS)
    for stream in streams:
        stream.applied(RECORDS)
    with episode(bank):
        dumps = bank.directory / "dumps"
        dumps.mkdir()
        bank.service.tool("pg_dump", "-Fc", "-f", dumps / "bank.dump", "bank")
        (dumps / "all.sql").write_text(bank.service.tool("pg_dumpall"))
        state = contents(bank.service)
        for stream in streams:
            rows(stream, 500, first=RECORDS)  # the original, which lives on, reads them; a copy could
        yield streams, dumps, state


def require_silence(bank, cluster, dbname, state):
    await_refused(cluster, dbname)
    require_equal(cluster, dbname, state)
    assert bank.core.booked() == []
    refused = psycopg2.errors.ObjectNotInPrerequisiteState
    with pytest.raises(refused, match="was not adopted"):
        cluster.query("SELECT standin.transaction_submit('core', 'payment', 'new', '{\"account\": 1, \"amount\": 1}')", dbname=dbname, user="app")
    with pytest.raises(refused, match="was not adopted"):
        cluster.query("SELECT * FROM standin.workflow_claim('a worker', ARRAY['external'])", dbname=dbname, user="app")
    with pytest.raises(refused, match="was not adopted"):
        cluster.query("SELECT standin.workflow_start('external', 'new')", dbname=dbname, user="app")
    # What was answered before is answered so still.
    assert cluster.value("SELECT status FROM standin.transaction_submit('core', 'payment', 'key-1', '{\"account\": 2, \"amount\": 1}')",
                         dbname=dbname, user="app") == "accepted"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("turn", range(2))
def test_a_restored_copy_is_the_original_and_silent(original, bank, way, turn):
    _, dumps, state = original
    name = f"{way}_{turn}"
    bank.service.query(f"CREATE DATABASE {name}")
    bank.service.tool("pg_restore", "--exit-on-error", *WAYS[way], "-d", name, dumps / "bank.dump")
    require_silence(bank, bank.service, name, state)
    bank.service.query(f"DROP DATABASE {name}")


def test_data_alone_restored_into_a_new_extension_is_silent(original, bank):
    """The schema first, by a script of one's own; its CREATE EXTENSION binds nothing."""
    _, dumps, state = original
    bank.service.query("CREATE DATABASE data_only")
    bank.service.tool("pg_restore", "--exit-on-error", "--schema-only", "-d", "data_only", dumps / "bank.dump")
    assert bank.service.value("SELECT count(*) FROM standin.instance", dbname="data_only") == 0
    bank.service.tool("pg_restore", "--exit-on-error", "--data-only", "--disable-triggers", "-j", "4", "-d", "data_only", dumps / "bank.dump")
    bank.service.query("SELECT standin_private.wake('supervisor')", dbname="data_only")  # for once no trigger did
    await_refused(bank.service, "data_only")
    require_equal(bank.service, "data_only", state)
    bank.service.query("DROP DATABASE data_only")


def test_a_restore_that_lost_a_table_cannot_be_adopted(original, bank):
    """pg_restore goes on after an error if it is not told to stop."""
    _, dumps, _ = original
    listed = bank.service.tool("pg_restore", "-l", dumps / "bank.dump")
    list_file = dumps / "without_sources.list"
    list_file.write_text("\n".join(line for line in listed.splitlines() if " TABLE DATA standin_private cdc_source " not in line))
    bank.service.query("CREATE DATABASE incomplete")
    bank.service.tool("pg_restore", "--exit-on-error", "-L", list_file, "-d", "incomplete", dumps / "bank.dump")
    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match="restore of this database is not complete"):
        bank.service.query("SELECT standin.instance_adopt('a test')", dbname="incomplete")
    bank.service.query("DROP DATABASE incomplete")


def test_before_the_row_of_the_instance_arrives_nothing_runs(original, bank):
    """The order of a parallel restore is nobody's: all of it but that row, and no definition binds what came without it."""
    _, dumps, state = original
    listed = bank.service.tool("pg_restore", "-l", dumps / "bank.dump")
    list_file = dumps / "without_instance.list"
    list_file.write_text("\n".join(line for line in listed.splitlines() if " TABLE DATA standin_private instance " not in line))
    assert list_file.read_text().count("\n") == len(listed.splitlines()) - 2
    bank.service.query("CREATE DATABASE partial")
    bank.service.tool("pg_restore", "--exit-on-error", "-L", list_file, "-d", "partial", dumps / "bank.dump")
    require_silence(bank, bank.service, "partial", state)
    assert bank.service.value("SELECT count(*) FROM standin.instance", dbname="partial") == 0
    bank.service.query("SELECT standin.workflow_define('another')", dbname="partial")
    assert "bound to no server" in bank.service.value("SELECT standin_private.instance_refusal()", dbname="partial")
    bank.service.query("DROP DATABASE partial")


def test_a_dump_of_a_cluster_goes_on_in_another_once_adopted(original, bank):
    streams, dumps, state = original
    other = postgres.service("other", bank.directory).init().start()
    try:
        other.psql("-v", "ON_ERROR_STOP=0", "-f", dumps / "all.sql")
        require_silence(bank, other, "bank", state)

        other.query("SELECT standin.core_switch('core', 'online', 'a test')", dbname="bank")
        other.query("SELECT standin.instance_adopt('the original was switched off')", dbname="bank")
        assert other.query(FOREIGN_KEYS, dbname="bank") == bank.query(FOREIGN_KEYS) != []
        for stream in streams:
            await_(f"{stream.name} goes on", lambda: other.query(
                f"SELECT count(*), count(DISTINCT id), max(id) FROM {stream.name}", dbname="bank") == [(RECORDS + 500,) * 2 + (RECORDS + 499,)], 60)
        await_("the queue drained", lambda: len(bank.core.booked()) == 20)
        by_account = {}
        for _, key, account, _ in bank.core.booked():
            by_account.setdefault(account, []).append(int(key.removeprefix("key-")))
        assert all(keys == sorted(keys) for keys in by_account.values()), by_account
        await_("the workflows end", lambda: other.value(
            "SELECT count(*) FROM standin.workflows WHERE name = 'gated' AND status = 'completed'", dbname="bank") == 3)
        # The step that was recorded was not done again.
        assert other.query("SELECT count(*), count(DISTINCT seq) FROM effect", dbname="bank") == [(6, 6)]
        assert len(other.query("SELECT * FROM standin.workflow_claim('a worker', ARRAY['external'])", dbname="bank", user="app")) == 1
    finally:
        other.stop()
