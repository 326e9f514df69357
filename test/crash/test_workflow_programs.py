"""Random workflow programs (steps, failures, sleeps, messages, events, children, compensation) while executor, dispatcher and
server are killed: what they did and how they ended must be what a model of a few lines says.

STANDIN_CRASH_ROUNDS sets the number of rounds, STANDIN_SEED repeats them.
"""

import contextlib
import json
import os
import pathlib
import random
import signal

import psycopg2
import pytest

from harness import postgres, scratch
from harness.await_ import await_

ROUNDS = int(os.environ.get("STANDIN_CRASH_ROUNDS") or 3)
SEED = int(os.environ.get("STANDIN_SEED") or random.SystemRandom().randrange(1_000_000))
PROGRAMS = 25
KILLS = 3
OPEN = "SELECT count(*) FROM standin.workflows WHERE status NOT IN ('completed', 'failed', 'cancelled', 'dead', 'blocked')"


def make(dice, workflow_id, depth=0):
    program = []
    for n in range(dice.randrange(1, 9)):
        op = dice.choices(["step", "undoable", "forgiven", "fail", "sleep", "recv", "miss", "tell", "note", "child"],
                          [8, 5, 2, 1, 3, 3, 1, 2, 2, 1 if depth < 2 else 0])[0]
        one = {"op": op, "what": f"{op} {n}"}
        if op in ("fail", "forgiven"):
            one["sqlstate"] = dice.choice(["P0001", "22012", "23505"])
        if op == "sleep":
            one["for"] = dice.choice(["0", "1 minute", "2 hours"])
        if op == "recv":
            one["topic"] = dice.choice(["a", "b"])
        if op == "note":
            one["kind"] = dice.choice(["now", "random", "uuid"])
        if op == "child":
            one["id"] = f"{workflow_id}.{n}"
            one["program"] = make(dice, one["id"], depth + 1)
        program.append(one)
    return program


def expect(program, workflow_id, outcomes):
    """What the workflow and its children leave behind: id -> (status, output, effects, events, messages by topic)."""
    effects, undo, answers, events, topics = [], [], [], [], {"a": 0, "b": 0}
    status = "completed"
    for one in program:
        op, answer = one["op"], None
        if op in ("step", "undoable"):
            effects.append(one["what"])
            answer = one["what"]
            if op == "undoable":
                undo.append(f"undo {one['what']}")
        elif op == "forgiven":
            answer = one["sqlstate"]
        elif op == "fail":
            status = "failed"
            break
        elif op == "recv":
            answer = f"{workflow_id} {one['topic']} {topics[one['topic']]}"
            topics[one["topic"]] += 1
        elif op == "tell":
            events.append(one["what"])
        elif op == "child":
            expect(one["program"], one["id"], outcomes)
            child_status, child_output = outcomes[one["id"]][:2]
            answer = {"status": child_status, **({"output": child_output} if child_output is not None else {})}
        answers.append(answer)
    if status == "failed":
        effects += reversed(undo)
    outcomes[workflow_id] = (status, answers if status == "completed" else None, effects, events, topics)
    return outcomes


@pytest.fixture(scope="module")
def server():
    cluster = postgres.service("programs", scratch.scratch(), settings={"pg_standin.allow_test_clock": "on"}).init().start()
    cluster.query("CREATE DATABASE bank")
    cluster.psql("-v", "ON_ERROR_STOP=1", "-f", str(pathlib.Path(__file__).with_name("workflow_programs.sql")), dbname="bank")
    yield cluster
    cluster.stop()


def kill(server, dice):
    kind = dice.choice(["executor", "executor", "dispatcher", "server", "terminate"])
    if kind == "server":
        server.kill9()
        server.start()
        return
    processes = server.query("SELECT pid FROM pg_stat_activity WHERE backend_type = %s",
                             [f"pg_standin {'executor' if kind == 'terminate' else kind}"], dbname="bank")
    for (pid,) in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM if kind == "terminate" else signal.SIGKILL)


def go_on(server):
    """Time passes, and no suspicion holds a worker back. The test's clock does not outlive the server."""
    server.query("DELETE FROM standin_private.worker_mark", dbname="bank")
    server.query("SELECT standin_private.clock_advance('3 hours')", dbname="bank")


@pytest.mark.parametrize("number", range(ROUNDS))
def test_programs_do_what_they_say(server, number):
    seed = SEED + number
    print(f"STANDIN_SEED={seed}")
    dice = random.Random(seed)
    programs = {f"{seed} {n}": None for n in range(PROGRAMS)}
    outcomes = {}
    with contextlib.closing(server.connect("bank", user="teller")) as session, session.cursor() as cursor:
        for workflow_id in programs:
            programs[workflow_id] = make(dice, workflow_id)
            expect(programs[workflow_id], workflow_id, outcomes)
        for workflow_id, (*_, topics) in outcomes.items(): # some messages come before their workflow
            for topic, count in topics.items():
                for n in range(count):
                    cursor.execute("SELECT standin.message_send(%s, %s, to_jsonb(%s::text), %s)",
                                   [workflow_id, topic, f"{workflow_id} {topic} {n}", str(n)])
        for workflow_id, program in programs.items():
            cursor.execute("SELECT standin.workflow_start('program', %s, %s)", [workflow_id, json.dumps(program)])

    kills = 0

    def over():
        nonlocal kills
        with contextlib.suppress(psycopg2.Error):
            go_on(server)
            if kills < KILLS and dice.random() < 0.5:
                kills += 1
                kill(server, dice)
            return server.query(OPEN, dbname="bank") == [(0,)]
        return False
    await_("the end of all programs", over, timeout=240)

    found = {workflow_id: (status, output) for workflow_id, status, output in server.query(
        "SELECT workflow_id, status, output FROM standin.workflows WHERE workflow_id LIKE %s", [f"{seed} %"], dbname="bank")}
    assert found == {workflow_id: outcome[:2] for workflow_id, outcome in outcomes.items()}
    for workflow_id, (_, _, effects, events, _) in outcomes.items():
        did = server.query("SELECT what FROM effect WHERE workflow_id = %s ORDER BY n", [workflow_id], dbname="bank")
        assert [what for (what,) in did] == effects, workflow_id
        said = server.query("SELECT value FROM standin.workflow_events WHERE workflow_id = %s ORDER BY n", [workflow_id], dbname="bank")
        assert [value for (value,) in said] == events, workflow_id
