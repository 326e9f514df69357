"""The application workers of examples/workflow_worker, killed in the middle of their work."""

import os
import shutil
import subprocess

import pytest

from harness import postgres, scratch
from harness.await_ import await_
from harness.postgres import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "workflow_worker"
LOANS = 40
WORKERS = {"python": ["/usr/bin/python3", EXAMPLE / "worker.py"], "node": ["node", EXAMPLE / "worker.js"]}


def can_run(kind):
    return kind == "python" or (shutil.which("node") and subprocess.run(
        ["node", "-e", "require('pg')"], check=False, capture_output=True).returncode == 0)


@pytest.fixture(scope="module")
def server():
    cluster = postgres.service("worker", scratch.scratch(), settings={"pg_standin.allow_test_clock": "on"}).init().start()
    cluster.query("CREATE DATABASE bank")
    cluster.query("CREATE EXTENSION pg_standin", dbname="bank")
    cluster.psql("-f", EXAMPLE / "loan.sql", dbname="bank")
    yield cluster
    cluster.stop()


def worker(server, kind, idle):
    return subprocess.Popen([*WORKERS[kind], str(idle)],
                            env={**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGDATABASE": "bank"})


@pytest.mark.parametrize("kind", list(WORKERS))
def test_a_killed_worker_s_loans_are_paid_out_once_by_the_next(server, kind):
    if not can_run(kind):
        pytest.skip("Node.js has no module pg here")
    server.query("SELECT standin.workflow_start('loan', %s || i, jsonb_build_object('id', %s || i, 'name', 'Ann')) "
                 "FROM generate_series(1, %s) i", [kind, kind, LOANS], dbname="bank", user="lending")
    ended = f"SELECT count(*) FROM standin.workflows WHERE status = 'completed' AND workflow_id LIKE '{kind}%%'"
    victim = worker(server, kind, 60)
    await_("some loans", lambda: server.value(ended, dbname="bank") >= 3)
    victim.kill()
    victim.wait()
    assert server.value(ended, dbname="bank") < LOANS, "it was killed too late to show anything"
    server.query("SELECT standin_private.clock_advance('2 min')", dbname="bank")  # its lease ends
    assert worker(server, kind, 1).wait(120) == 0
    assert server.value(ended, dbname="bank") == LOANS
    assert server.value(f"SELECT count(*) FROM loan WHERE id LIKE '{kind}%%' AND state = 'paid out'", dbname="bank") == LOANS
    assert server.value(f"SELECT count(*) FROM standin.workflow_steps WHERE workflow_id LIKE '{kind}%%'", dbname="bank") == 3 * LOANS
