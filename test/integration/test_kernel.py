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
    cluster.query("SELECT standin.workflow_define('nothing')", dbname=dbname)  # the first definition binds the database


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


def test_a_worker_that_brings_the_server_down_again_and_again_is_held_back(server):
    """Its mark outlives the server; the others start at once."""
    server.psql("-c", """
        CREATE SERVER nowhere FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1', dbname 'core');
            CREATE USER MAPPING FOR standin_owner SERVER nowhere OPTIONS (password 'none');
        SELECT standin.core_define('core', server => 'nowhere');
        SELECT standin.operation_define('core', 'payment')""", dbname="bank")
    workers = "SELECT kind || ' ' || state FROM standin.stat_worker ORDER BY 1"
    running = "SELECT pid FROM standin.stat_worker WHERE kind = 'replay' AND pid IS NOT NULL"
    for _ in range(3):
        await_("the replay worker runs", lambda: server.value(running, dbname="bank"))
        with contextlib.suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
            server.query("SELECT standin_private.crash_point_arm('replay_before_outcome_commit'), standin_private.wake('replay')",
                         dbname="bank")
        await_("the server is back", lambda: server.value("SELECT true"))
    await_("the culprit is held", lambda: "replay held" in [row[0] for row in server.query(workers, dbname="bank")])
    await_("and comes back", lambda: server.value(running, dbname="bank"))
    server.psql("-c", "DELETE FROM standin_private.core_mode; DELETE FROM standin_private.operation; DELETE FROM standin_private.core;"
                "SELECT standin_private.wake('supervisor'); DROP SERVER nowhere CASCADE", dbname="bank")
    await_("no worker is left", lambda: [row[0] for row in server.query(workers, dbname="bank")] == ["supervisor running"])


def test_a_worker_without_a_free_process_says_so(directory):
    cluster = postgres.service("crowded", directory, settings={"max_worker_processes": "3"}).init().start()
    try:
        create_bank(cluster)  # launcher and supervisor take two; logical replication's launcher the third
        cluster.psql("-c", """
            CREATE SERVER nowhere FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1', dbname 'core');
            CREATE USER MAPPING FOR standin_owner SERVER nowhere OPTIONS (password 'none');
            SELECT standin.core_define('core', server => 'nowhere');
            SELECT standin.operation_define('core', 'payment')""", dbname="bank")
        await_("both workers are shown without a slot",
               lambda: cluster.value("SELECT count(*) FROM standin.stat_worker WHERE state = 'no_slot'", dbname="bank") == 2)
        preflight = dict(cluster.query("SELECT check_name, status FROM standin.preflight()", dbname="bank"))
        assert preflight["max_worker_processes"] == "error" and preflight["workers_without_slot"] == "error"
    finally:
        cluster.stop()


def test_a_restored_dump_sends_nothing_until_it_is_adopted(server, directory):
    await_supervisors(server, "bank", 1)
    dump = directory / "bank.dump"
    server.tool("pg_dump", "-Fc", "-f", dump, "bank")
    server.query("CREATE DATABASE restored")
    server.tool("pg_restore", "--exit-on-error", "-d", "restored", dump)
    refusals = server.query("SELECT refusal FROM standin.instance WHERE superseded_by IS NULL", dbname="restored")
    assert len(refusals) == 1 and "another database" in refusals[0][0]
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
