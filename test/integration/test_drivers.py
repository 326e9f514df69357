"""The programs of docs/drivers.md, as they stand there, directly and through PgBouncer in transaction mode."""

import contextlib
import dataclasses
import os
import re
import shutil
import socket
import subprocess

import psycopg2
import pytest

from harness import manual, postgres, scratch
from harness.ports import free_port
from harness.process import Process, server_user

PAGE = manual.README.parent / "docs" / "drivers.md"
JDBC = "/usr/share/java/postgresql.jar"
PROGRAMS = [block for block in manual.blocks(PAGE) if block.language in ("python", "js", "java")]

BOUNCER = """[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/users.txt
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = extra_float_digits
"""


@pytest.fixture(scope="module")
def directory():
    return scratch.scratch()


@pytest.fixture(scope="module")
def server(directory):
    cluster = postgres.service("drivers", directory).init().start()
    cluster.query("CREATE DATABASE bank")
    for page in (manual.README, PAGE):
        cluster.psql(dbname="bank", script="".join(block.text for block in manual.blocks(page) if block.language == "sql"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def bouncer_port(server, directory):
    port = free_port()
    (directory / "pgbouncer.ini").write_text(BOUNCER.format(server_port=server.port, port=port, directory=directory))
    (directory / "users.txt").write_text('"mobile_app" ""\n')
    bouncer = Process("pgbouncer", [shutil.which("pgbouncer", path="/usr/sbin:/usr/bin"), directory / "pgbouncer.ini"],
                      directory / "pgbouncer.log", user=server_user(), cwd=directory).start()
    bouncer.ready("connections", lambda: socket.create_connection(("127.0.0.1", port), timeout=5).close() or True, 30)
    yield port
    bouncer.stop()


def command(program, directory):
    if program.language == "python":
        return ["/usr/bin/python3", "-c", program.text]
    if program.language == "js":
        return ["node", "-e", program.text]
    (directory / "Pay.java").write_text(program.text)
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", JDBC, directory / "Pay.java"]


def node_has_pg():
    return shutil.which("node") and subprocess.run(["node", "-e", "require('pg')"], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("way", ["directly", "through PgBouncer"])
@pytest.mark.parametrize("program", PROGRAMS, ids=[program.heading for program in PROGRAMS])
def test_the_program_pays(server, bouncer_port, directory, program, way):
    if program.language == "js" and not node_has_pg():
        pytest.skip("Node.js has no module pg here")
    port = server.port
    if way == "through PgBouncer":  # with keys of its own
        program = dataclasses.replace(program, text=re.sub(r"-([12])(?=['\"])", r"-bounced\1", program.text))
        port = bouncer_port
    before = booked(server)
    done = subprocess.run(command(program, directory), check=False, text=True, capture_output=True, timeout=120,
                          env={**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(port)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "accepted" in done.stdout and "posted" in done.stdout, done.stdout
    added = server.query("SELECT key, ticket FROM standin.transactions WHERE key <> ALL (%s) ORDER BY key", [before], dbname="bank")
    assert len(added) == 2, f"{added}: a submit and an execute were expected"
    with contextlib.closing(server.connect("bank", user="mobile_app")) as session, session.cursor() as cursor:
        for key, ticket in added:
            cursor.execute("CALL standin.transaction_wait(%s, '30 s')", [ticket])
            assert cursor.fetchone()[0] == "posted", key
        workflow = "notice-" + added[0][0].removeprefix("mobile_app/")
        cursor.execute("CALL standin.workflow_wait(%s, '30 s')", [workflow])
        assert cursor.fetchone()[0] == "completed"


def booked(server):
    return [key for key, in server.query("SELECT key FROM standin.transactions", dbname="bank")]


@pytest.mark.parametrize("call", ["CALL standin.transaction_execute('toy', 'payment', 'block-1', '{\"account\": 1, \"amount\": 1}')",
                                  "CALL standin.transaction_wait(1, '1 s')", "CALL standin.workflow_wait('any', '1 s')",
                                  "CALL standin.workflow_claim_wait('{any}', '1 s')"])
def test_what_needs_autocommit_says_so_in_a_transaction_block(server, call):
    connection = server.connect("bank", autocommit=False, user="mobile_app")
    with connection.cursor() as cursor, pytest.raises((psycopg2.errors.ActiveSqlTransaction, psycopg2.errors.InvalidTransactionTermination)):
        cursor.execute(call)
    connection.close()
