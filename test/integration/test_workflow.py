"""Durable workflows on a real server: crashes at named points and at random, recovery, fencing between workers."""

import contextlib
import os
import pathlib
import random
import signal
import threading
import time

import psycopg2
import pytest

from harness import postgres, scratch
from harness.await_ import Hopeless, await_

SETUP = pathlib.Path(__file__).with_name("workflow.sql")
SETTINGS = {"pg_standin.allow_test_clock": "on"}


@pytest.fixture(scope="module")
def directory():
    return scratch.scratch()


@pytest.fixture(scope="module")
def server(directory):
    cluster = postgres.service("workflow", directory, settings=SETTINGS).init().start()
    cluster.query("CREATE DATABASE bank")
    cluster.psql("-v", "ON_ERROR_STOP=1", "-f", str(SETUP), dbname="bank")
    yield cluster
    cluster.stop()


class Bank:
    """The database, seen by the role `teller`, of which a connection may break at any time."""

    def __init__(self, server):
        self.server = server

    def admin(self, sql, params=None):
        return self.server.query(sql, params, dbname="bank")

    def query(self, sql, params=None, user="teller"):
        return self.server.query(sql, params, dbname="bank", user=user)

    def value(self, sql, params=None, user="teller"):
        return self.server.value(sql, params, dbname="bank", user=user)

    def start(self, name, workflow_id, payload="{}"):
        self.query("SELECT standin.workflow_start(%s, %s, %s)", [name, workflow_id, payload])

    def status(self, workflow_id):
        with contextlib.suppress(psycopg2.OperationalError):
            return self.value("SELECT status FROM standin.workflows WHERE workflow_id = %s", [workflow_id])
        return None

    def ends(self, workflow_id, status, timeout=60):
        await_(f"workflow {workflow_id} to be {status}", lambda: self.status(workflow_id) == status, timeout=timeout)

    def error(self, workflow_id):
        return self.value("SELECT error FROM standin.workflows WHERE workflow_id = %s", [workflow_id])

    def effects(self, workflow_id):
        """Step number -> how often its effect is there."""
        return dict(self.query("SELECT seq, count(*)::int FROM effect WHERE workflow_id = %s GROUP BY seq ORDER BY seq", [workflow_id]))

    def executor(self):
        with contextlib.suppress(psycopg2.OperationalError):
            return self.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_standin executor' AND usename = 'teller'", user="postgres")
        return None

    def await_executor(self):
        """Its pid. A kill that follows shall not make the supervisor suspect it, which would hold it back."""
        def running():
            self.admin("DELETE FROM standin_private.worker_mark")
            return self.executor() or self.start("chain", None, '{"steps": 0}')
        return await_("an executor", running, timeout=90)

    def inside_step(self, workflow_id, seq):
        """Waits until the handler of a step waits for the gate."""
        def waiting():
            if (status := self.status(workflow_id)) not in ("pending", "running", None):
                raise Hopeless(f"workflow {workflow_id} is {status}: {self.error(workflow_id)}")
            return self.admin("SELECT 1 FROM pg_stat_activity a JOIN pg_locks l USING (pid) "
                              "WHERE a.backend_type = 'pg_standin executor' AND a.usename = 'teller' AND NOT l.granted")
        await_(f"{workflow_id} in step {seq}", waiting, timeout=90)


@pytest.fixture
def bank(server):
    return Bank(server)


@contextlib.contextmanager
def closed_gate(server, workflow_id):
    """While it is open, the handler `gated` of this workflow waits inside its step."""
    with contextlib.closing(server.connect("bank", autocommit=False)) as session, session.cursor() as cursor:
        cursor.execute("INSERT INTO gate VALUES (%s)", [workflow_id])
        yield session


def test_it_runs_as_the_role_that_started_it(bank):
    bank.start("chain", "first", '{"steps": 3}')
    status, output, error = bank.query("SELECT * FROM standin.workflow_result('first', '30 s')")[0]
    assert (status, error) == ("completed", None)
    assert output == {"steps": 3, "user": "teller", "session": "teller"}
    assert bank.effects("first") == {1: 1, 2: 1, 3: 1}
    worker = bank.admin("SELECT kind, key, role FROM standin.stat_worker WHERE kind = 'executor'")
    assert worker == [("executor", "teller", "teller")]


@pytest.mark.parametrize("point", ["step_before_commit", "step_after_commit", "workflow_before_completion", "workflow_after_completion"])
def test_a_crash_at_a_named_point_neither_loses_nor_repeats_a_step(bank, point):
    workflow_id = f"crash at {point}"
    victim = bank.await_executor()
    started = bank.value("SELECT pg_postmaster_start_time()")
    bank.admin("SELECT standin_private.crash_point_arm(%s, %s)", [point, 1 if point.startswith("step") else 0])
    bank.start("chain", workflow_id, '{"steps": 3}')
    bank.ends(workflow_id, "completed")
    await_("the armed process to be gone", lambda: bank.status(workflow_id) == "completed" and bank.executor() != victim)
    assert bank.effects(workflow_id) == {1: 1, 2: 1, 3: 1}
    # The outputs that the log returned are those of the effects that are there.
    assert bank.query("""SELECT 1 FROM effect e FULL JOIN standin.workflow_steps s ON s.workflow_id = e.workflow_id AND s.seq = e.seq
                         WHERE %s IN (e.workflow_id, s.workflow_id) AND (s.output->>'proof')::uuid IS DISTINCT FROM e.proof""",
                      [workflow_id]) == []
    tokens = bank.value("SELECT token FROM standin.workflows WHERE workflow_id = %s", [workflow_id])
    assert tokens == (1 if point == "workflow_after_completion" else 2), "the crash did not happen where it should"
    assert bank.value("SELECT pg_postmaster_start_time()") == started


def test_what_a_workflow_defers_to_its_commit_runs_as_its_role_which_is_no_superuser(bank):
    bank.admin("""CREATE TABLE deferring (id int); CREATE TABLE fired_as (who text);
        CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.fired_as VALUES (current_user); RETURN NULL; END$$;
        CREATE CONSTRAINT TRIGGER t AFTER INSERT ON deferring DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire();
        CREATE PROCEDURE write_last(input jsonb) LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.deferring VALUES (1); END$$;
        GRANT INSERT ON deferring, fired_as TO teller; SELECT standin.workflow_define('write_last', 'write_last(jsonb)')""")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="never run as"):
        bank.admin("SELECT standin.workflow_start('write_last', 'deferring-1')")
    bank.start("write_last", "deferring-1", "{}")
    ended = "SELECT status FROM standin.workflows WHERE workflow_id = 'deferring-1' AND status NOT IN ('pending', 'running')"
    assert await_("the end of deferring-1", lambda: bank.admin(ended)) == [("completed",)]
    assert bank.admin("SELECT who FROM fired_as") == [("teller",)]


def storm_steps(bank):
    return bank.value("SELECT count(*) FROM effect WHERE workflow_id LIKE 'storm%%'")


def test_kills_at_random(bank, server):
    """kill -9 of the executor and of the whole server while 40 workflows of 25 steps run."""
    seed = int(os.environ.get("STANDIN_SEED", time.time_ns() % 1000000))
    print(f"STANDIN_SEED={seed}")
    dice = random.Random(seed)
    ids = [f"storm {i}" for i in range(40)]
    for workflow_id in ids:
        bank.start("chain", workflow_id, '{"steps": 25, "pause": 0.003}')
    for kill in ["executor", "server", "executor"]:
        victim = bank.await_executor()
        goal = storm_steps(bank) + dice.randrange(1, 120)
        await_("some steps", lambda wanted=goal: storm_steps(bank) >= wanted)
        if kill == "server":
            server.kill9()
            server.start()
        else:
            os.kill(victim, signal.SIGKILL)
        await_("the server", lambda: bank.status(ids[0]) is not None)
    for workflow_id in ids:
        bank.ends(workflow_id, "completed", timeout=120)
    assert bank.query("""SELECT i.id, s.seq, count(e.seq) FROM unnest(%s) AS i(id) CROSS JOIN generate_series(1, 25) AS s(seq)
                         LEFT JOIN effect e ON e.workflow_id = i.id AND e.seq = s.seq GROUP BY 1, 2 HAVING count(e.seq) <> 1""", [ids]) == []
    recovered = bank.value("SELECT count(*) FROM standin.workflows WHERE workflow_id LIKE 'storm%%' AND token > 1")
    assert recovered >= 1, "no kill met a running workflow"


def test_stopping_in_the_middle_of_a_step_is_quick_and_loses_nothing(bank, server):
    with closed_gate(server, "stopped"):
        bank.start("gated_chain", "stopped")
        bank.inside_step("stopped", 2)
        pid = bank.executor()
        began = time.monotonic()
        bank.admin("SELECT pg_terminate_backend(%s)", [pid])
        await_("the executor's end", lambda: bank.executor() != pid, timeout=10)
        assert time.monotonic() - began < 5
    bank.ends("stopped", "completed")
    assert bank.effects("stopped") == {1: 1, 2: 1, 3: 1}


def test_a_restart_of_the_server_resumes(bank, server):
    with closed_gate(server, "restarted"):
        bank.start("gated_chain", "restarted")
        bank.inside_step("restarted", 2)
        server.restart()
    bank.ends("restarted", "completed")
    assert bank.effects("restarted") == {1: 1, 2: 1, 3: 1}


def test_a_cancelled_step_is_tried_again(bank, server):
    with closed_gate(server, "cancelled"):
        bank.start("gated_chain", "cancelled")
        bank.inside_step("cancelled", 2)
        bank.admin("SELECT pg_cancel_backend(%s)", [bank.executor()])
        bank.ends("cancelled", "sleeping")
    assert bank.error("cancelled")["sqlstate"] == "57014"
    bank.admin("SELECT standin_private.clock_advance('2 s')")
    bank.ends("cancelled", "completed")
    assert bank.effects("cancelled") == {1: 1, 2: 1, 3: 1}
    assert bank.query("SELECT seq, status, attempts FROM standin.workflow_steps WHERE workflow_id = 'cancelled' ORDER BY 1") == \
        [(1, "recorded", 1), (2, "recorded", 2), (3, "recorded", 1)]


def test_what_is_done_to_a_procedure_does_nothing_to_its_open_workflows(bank, server):
    body = bank.admin("SELECT pg_get_functiondef('gated_chain'::regproc)")[0][0]
    with closed_gate(server, "replaced"):
        bank.start("gated_chain", "replaced")
        bank.inside_step("replaced", 2)
        bank.query("DROP PROCEDURE gated_chain(jsonb)")
        bank.admin("SELECT pg_terminate_backend(%s)", [bank.executor()])
    bank.ends("replaced", "completed")
    assert bank.effects("replaced") == {1: 1, 2: 1, 3: 1}
    with pytest.raises(psycopg2.errors.UndefinedFunction, match="does not exist"):
        bank.start("gated_chain", "of a dropped one")
    bank.query(body.replace("BEGIN", "BEGIN -- another body", 1))
    bank.start("gated_chain", "of a replaced one")
    bank.ends("of a replaced one", "completed")


def test_a_copy_runs_with_the_rights_of_the_role_and_belongs_to_nobody_who_could_change_it(bank):
    code = bank.admin("SELECT code FROM standin_private.workflow_definition WHERE name = 'chain'")[0][0]
    assert bank.admin("SELECT pg_get_userbyid(proowner), prosecdef, proconfig FROM pg_proc WHERE oid = %s::regproc", [code]) == [("standin_owner", False, None)]
    for statement in (f"CREATE OR REPLACE PROCEDURE {code}(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS 'BEGIN END'",
                      f"DROP PROCEDURE {code}", f"CREATE FUNCTION {code.split('.')[0]}.other() RETURNS int LANGUAGE sql AS 'SELECT 1'"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            bank.query(statement)


def test_a_procedure_that_takes_another_path_is_blocked_with_both_sides(bank, server):
    with closed_gate(server, "other path"):
        bank.start("undecided", "other path")
        bank.inside_step("other path", 2)
        bank.query("UPDATE decision SET name = 'changed'")
        bank.admin("SELECT pg_terminate_backend(%s)", [bank.executor()])
        bank.ends("other path", "blocked")
    detail = bank.error("other path")["detail"]
    assert 'Recorded: step 1 "as planned"' in detail and 'Now: step 1 "changed"' in detail
    bank.query("UPDATE decision SET name = 'as planned'")
    bank.query("SELECT standin.workflow_retry('other path')")
    bank.ends("other path", "completed")
    assert bank.effects("other path") == {1: 1, 2: 1}


def test_an_open_workflow_keeps_its_version_until_it_is_migrated(bank, server):
    with closed_gate(server, "before"):
        bank.start("gated_chain", "before")
        bank.inside_step("before", 2)
        bank.start("versioned", "waiting")
        bank.start("versioned", "migrated")
        bank.query("CREATE OR REPLACE PROCEDURE versioned(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$ BEGIN output := '2'; END $$")
        assert bank.admin("SELECT standin.workflow_define('versioned', 'versioned(jsonb, jsonb)')") == [(2,)]
        bank.query("SELECT standin.workflow_migrate('migrated', 2)")
        with pytest.raises(psycopg2.errors.UndefinedObject):
            bank.query("SELECT standin.workflow_migrate('migrated', 3)")
    bank.ends("waiting", "completed")
    bank.ends("migrated", "completed")
    assert bank.query("SELECT version, output FROM standin.workflows WHERE workflow_id IN ('waiting', 'migrated') ORDER BY 1") == [(1, 1), (2, 2)]


def test_a_workflow_that_kills_its_executor_is_given_up(bank):
    bank.start("deadly", "poison")
    bank.start("chain", "after poison", '{"steps": 1}')
    bank.ends("poison", "dead")
    assert "without a new step" in bank.error("poison")["message"]
    bank.ends("after poison", "completed")


def test_a_wait_holds_no_snapshot(bank, server):
    with contextlib.closing(server.connect("bank", user="teller")) as session, session.cursor() as cursor:
        with closed_gate(server, "awaited") as gate:
            bank.start("gated_chain", "awaited")
            bank.inside_step("awaited", 2)
            waiting = threading.Thread(target=cursor.execute, args=("CALL standin.workflow_wait('awaited', '60 s')",))
            waiting.start()
            await_("the wait", lambda: bank.admin("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type IN ('Extension', 'IPC', 'Timeout')",
                                                  [session.get_backend_pid()]))
            assert bank.admin("SELECT backend_xmin, backend_xid FROM pg_stat_activity WHERE pid = %s", [session.get_backend_pid()]) == [(None, None)]
            gate.rollback()
        began = time.monotonic()
        waiting.join(30)
        assert not waiting.is_alive() and time.monotonic() - began < 5
        assert cursor.fetchall()[0][0] == "completed"


# The external form ----------------------------------------------------------------------------------------------------

def claim(session, worker="w", lease="30 s", count=1, wait="0"):
    with session.cursor() as cursor:
        cursor.execute("SELECT id, token FROM standin.workflow_claim(%s, '{loan}', %s, %s, %s)", [worker, lease, count, wait])
        rows = cursor.fetchall()
    return rows


def test_two_claims_never_get_the_same_workflow(bank, server):
    bank.query("SELECT standin.workflow_start('loan', 'loan ' || i) FROM generate_series(1, 400) i")
    claimed, lock = [], threading.Lock()

    def work():
        with contextlib.closing(server.connect("bank", user="teller")) as session:
            while rows := claim(session, count=3):
                with lock:
                    claimed.extend(rows)
                with session.cursor() as cursor:
                    for workflow_id, token in rows:
                        cursor.execute("SELECT standin.workflow_complete(%s, %s)", [workflow_id, token])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(claimed) == sorted((f"loan {i}", 1) for i in range(1, 401))
    assert bank.query("SELECT DISTINCT status FROM standin.workflows WHERE name = 'loan'") == [("completed",)]


def test_a_late_worker_is_fenced_off_and_its_effect_with_it(bank, server):
    bank.start("loan", "late")
    with contextlib.closing(server.connect("bank", user="teller", autocommit=False)) as late, \
            contextlib.closing(server.connect("bank", user="teller")) as other:
        assert claim(late) == [("late", 1)]
        late.commit()
        bank.admin("SELECT standin_private.clock_advance('31 s')")
        assert claim(other) == [("late", 2)]
        with late.cursor() as cursor:
            cursor.execute("INSERT INTO effect (workflow_id, seq) VALUES ('late', 1)")
            with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="stale token 1"):
                cursor.execute("SELECT standin.step_record('late', 1, 'pay')")
        late.rollback()
        for stale in ("SELECT standin.workflow_extend('late', 1)", "SELECT standin.workflow_complete('late', 1)",
                      "SELECT standin.workflow_fail('late', 1, 'no')", "SELECT * FROM standin.step_result('late', 1, 'pay')"):
            with late.cursor() as cursor, pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="token 1"):
                cursor.execute(stale)
            late.rollback()
        with other.cursor() as cursor:
            cursor.execute("BEGIN; INSERT INTO effect (workflow_id, seq) VALUES ('late', 1); SELECT standin.step_record('late', 2, 'pay'); COMMIT")
            cursor.execute("SELECT standin.workflow_complete('late', 2)")
    assert bank.effects("late") == {1: 1}


def test_a_record_on_its_way_is_not_overtaken_by_a_claim(bank, server):
    bank.start("loan", "slow commit")
    with contextlib.closing(server.connect("bank", user="teller", autocommit=False)) as slow, \
            contextlib.closing(server.connect("bank", user="teller")) as other:
        assert claim(slow) == [("slow commit", 1)]
        slow.commit()
        with slow.cursor() as cursor:
            cursor.execute("SELECT standin.step_record('slow commit', 1, 'pay')")
        bank.admin("SELECT standin_private.clock_advance('31 s')")
        assert claim(other) == [], "claimed while a record under the older token may still commit"
        slow.commit()
        assert claim(other) == [("slow commit", 2)]
        with other.cursor() as cursor:
            cursor.execute("SELECT recorded FROM standin.step_result('slow commit', 2, 'pay')")
            assert cursor.fetchall() == [(True,)]
            cursor.execute("SELECT standin.workflow_complete('slow commit', 2)")


def test_a_waiting_claim_is_woken_by_the_commit_of_a_start(bank, server):
    with contextlib.closing(server.connect("bank", user="teller")) as session:
        found = []
        waiting = threading.Thread(target=lambda: found.extend(claim(session, wait="60 s")))
        waiting.start()
        await_("the wait", lambda: bank.admin("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND wait_event_type IS NOT NULL",
                                              [session.get_backend_pid()]))
        bank.start("loan", "awaited loan")
        waiting.join(10)
        assert found == [("awaited loan", 1)]
        with session.cursor() as cursor:
            cursor.execute("CALL standin.workflow_claim_wait('{loan}', '0.2 s')")
            assert cursor.fetchall() == [(False,)]
            cursor.execute("SELECT standin.workflow_complete('awaited loan', 1)")


def test_a_dump_carries_workflows_and_a_restored_one_goes_on(bank, server, directory):
    bank.start("loan", "dumped")
    with contextlib.closing(server.connect("bank", user="teller")) as session:
        assert claim(session, lease="1 day") == [("dumped", 1)]
    with closed_gate(server, "dumped chain"):
        bank.start("gated_chain", "dumped chain")
        bank.inside_step("dumped chain", 2)
        dump = directory / "workflow.dump"
        server.tool("pg_dump", "-Fc", "-f", dump, "bank")
    server.query("CREATE DATABASE restored")
    try:
        server.tool("pg_restore", "--exit-on-error", "-d", "restored", dump)
        restored = lambda sql: server.query(sql, dbname="restored", user="teller")  # noqa: E731
        assert restored("SELECT standin.step_record('dumped', 1, 'x')") == [(1,)]
        server.query("SELECT standin.instance_adopt('restored for good')", dbname="restored")
        await_("the restored workflow", lambda: restored(
            "SELECT status FROM standin.workflows WHERE workflow_id = 'dumped chain'") == [("completed",)], timeout=60)
        assert restored("SELECT seq, count(*)::int FROM effect WHERE workflow_id = 'dumped chain' GROUP BY 1 ORDER BY 1") == [(1, 1), (2, 1), (3, 1)]
    finally:
        server.query("DROP DATABASE restored")
