"""Launcher, supervisor and instance guard on real servers: databases that come and go, standbys, copies, crashes."""

import contextlib

import psycopg2
import pytest

from harness import postgres, scratch
from harness.await_ import await_

@pytest.fixture(scope="module")
def directory():
    return scratch.scratch()


@pytest.fixture(scope="module")
def server(directory):
    """A server with the extension in database `bank`."""
    cluster = postgres.service("kernel", directory).init().start()
    create_bank(cluster)
    yield cluster
    cluster.stop()


def create_bank(cluster, dbname="bank"):
    cluster.query(f"CREATE DATABASE {dbname}")
    cluster.query("CREATE EXTENSION pg_standin", dbname=dbname)


def supervisors(cluster, dbname):
    return cluster.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_standin supervisor' AND datname = %s",
                         [dbname])


def await_supervisors(cluster, dbname, count):
    await_(f"{count} supervisor(s) in {dbname}", lambda: supervisors(cluster, dbname) == count)


def standby_of(primary, name, directory):
    standby = postgres.service(name, directory)
    primary.tool("pg_basebackup", "-D", standby.data, "-R", "-c", "fast")
    standby.configure(port=standby.port)
    if standby.user:
        postgres.run(["chown", "-R", standby.user, standby.data])
    return standby.start()


def test_without_preload_create_extension_says_what_to_set(directory):
    cluster = postgres.Cluster("unloaded", directory, bindir=postgres.stage_bindir()).init().start()
    try:
        with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState) as caught:
            cluster.query("CREATE EXTENSION pg_standin")
        assert "shared_preload_libraries" in caught.value.diag.message_hint
    finally:
        cluster.stop()


def test_create_extension_starts_the_supervisor_and_drop_ends_it(server):
    create_bank(server, "shortlived")
    await_supervisors(server, "shortlived", 1)
    with contextlib.closing(server.connect("shortlived", autocommit=False)) as session, session.cursor() as cursor:
        cursor.execute("DROP EXTENSION pg_standin")
        assert supervisors(server, "shortlived") == 0
        session.rollback()
    await_supervisors(server, "shortlived", 1)
    server.query("DROP EXTENSION pg_standin", dbname="shortlived")
    await_supervisors(server, "shortlived", 0)
    server.query("CREATE EXTENSION pg_standin", dbname="shortlived")
    await_supervisors(server, "shortlived", 1)
    server.query("DROP DATABASE shortlived")


def test_a_database_can_be_renamed_copied_and_dropped_under_its_workers(server):
    create_bank(server, "before")
    await_supervisors(server, "before", 1)
    server.query("ALTER DATABASE before RENAME TO after")
    await_supervisors(server, "after", 1)
    server.query("CREATE DATABASE copy TEMPLATE after")
    await_supervisors(server, "after", 1)
    assert "another database" in server.value("SELECT refusal FROM standin.instance", dbname="copy")
    server.query("DROP DATABASE after")
    server.query("DROP DATABASE copy")


def test_a_killed_supervisor_comes_back(server):
    await_supervisors(server, "bank", 1)
    server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_standin supervisor' AND datname = 'bank'")
    await_supervisors(server, "bank", 1)
    server.kill9()
    server.start()
    await_supervisors(server, "bank", 1)


def test_a_restored_dump_sends_nothing_until_it_is_adopted(server, directory):
    await_supervisors(server, "bank", 1)
    dump = directory / "bank.dump"
    server.tool("pg_dump", "-Fc", "-f", dump, "bank")
    server.query("CREATE DATABASE restored")
    server.tool("pg_restore", "--exit-on-error", "-d", "restored", dump)
    refusals = server.query("SELECT refusal FROM standin.instance WHERE superseded_by IS NULL", dbname="restored")
    assert len(refusals) == 2 and "another database" in refusals[0][0]
    preflight = dict(server.query("SELECT check_name, status FROM standin.preflight()", dbname="restored"))
    assert preflight["instance"] == "error"
    server.query("SELECT standin.instance_adopt('the old database is gone')", dbname="restored")
    assert server.value("SELECT standin_private.instance_refusal()", dbname="restored") is None
    assert server.value("SELECT standin_private.instance_refusal()", dbname="bank") is None
    server.query("DROP DATABASE restored")


def test_a_standby_has_no_workers_and_a_promoted_one_waits_for_adoption(server, directory):
    standby = standby_of(server, "standby", directory)
    try:
        assert standby.value("SELECT pg_is_in_recovery()")
        assert standby.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_standin%%'") == 0
        standby.query("SELECT pg_promote()")
        await_supervisors(standby, "bank", 1)
        assert standby.value("SELECT standin_private.instance_refusal()", dbname="bank").startswith("bound to /")
        standby.query("SELECT standin.instance_adopt('failover')", dbname="bank")
        assert standby.value("SELECT standin_private.instance_refusal()", dbname="bank") is None
    finally:
        standby.stop()


def test_with_the_identity_set_a_failover_goes_on_by_itself(server, directory):
    server.configure(**{"pg_standin.instance": "bank-a"})
    server.reload()
    await_("the new setting", lambda: server.value("SHOW pg_standin.instance") == "bank-a")
    server.query("SELECT standin.instance_adopt('identity set')", dbname="bank")
    standby = standby_of(server, "standby_of_bank_a", directory)
    try:
        standby.query("SELECT pg_promote()")
        await_supervisors(standby, "bank", 1)
        assert standby.value("SELECT standin_private.instance_refusal()", dbname="bank") is None
        standby.configure(**{"pg_standin.instance": "bank-b"})
        standby.reload()
        await_("the refusal of another identity",
               lambda: "bank-b" in standby.value("SELECT standin_private.instance_refusal()", dbname="bank"))
    finally:
        standby.stop()
