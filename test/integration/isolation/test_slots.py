"""Fewer processes than are wanted: what the bank needs comes first, roles take turns, and what waits says so."""

import pytest

from harness import postgres, scratch
from harness.await_ import await_

ROLES = 40
PROCESSES = 12
DATABASE = """
create extension pg_standin;
create table public.done (role name default session_user, workflow_id text);
grant insert, select on public.done to public;
create function public.note(input jsonb) returns jsonb language plpgsql as $$
begin
    perform pg_sleep((input->>'pause')::float);
    insert into public.done (workflow_id) values (standin.workflow_current());
    return input;
end $$;
create procedure public.chain(input jsonb) language plpgsql as $$
declare
    result jsonb;
begin
    for i in 1..(input->>'steps')::int loop
        call standin.step('link', 'public.note', input || jsonb_build_object('i', i), result);
    end loop;
end $$;
select standin.workflow_define('chain', 'public.chain(jsonb)');
"""
ROLE = "create role app{0} login; grant standin_app to app{0};"
CORE = """
create server nowhere foreign data wrapper standin_postgres options (host '127.0.0.1', port '1', dbname 'core');
create user mapping for standin_owner server nowhere options (user 'nobody', password 'none');
select standin.core_define('core', server => 'nowhere', probe_interval => '100 ms', call_timeout => '1 s');
select standin.operation_define('core', 'payment', standin_allowed => true);
create server kafka foreign data wrapper standin_kafka options ("bootstrap.servers" '127.0.0.1:1');
select standin.cdc_source_create('source', 'kafka');
"""
WITH_PROCESS = "select kind from standin.stat_worker where pid is not null and kind <> 'executor' order by kind"


@pytest.fixture(scope="module")
def server():
    cluster = postgres.service("crowded", scratch.scratch(), settings={"max_worker_processes": PROCESSES}).init().start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def crowd(server):
    """A database in which every role has long workflows, and then a core and a source come."""
    server.query("create database bank")
    server.psql(script=DATABASE + "".join(ROLE.format(number) for number in range(ROLES)), dbname="bank")
    for number in range(ROLES):
        start(server, number, steps=200, pause=0.1)
    await_("executors in every process", lambda: executors(server) >= PROCESSES - 4)
    server.psql(script=CORE, dbname="bank")
    return server


def start(server, number, dbname="bank", steps=1, pause=0):
    return server.value("select standin.workflow_start('chain', input => jsonb_build_object('steps', %s, 'pause', %s::float))",
                        [steps, pause], dbname=dbname, user=f"app{number}")


def executors(server):
    return server.value("select count(*) from pg_stat_activity where backend_type = 'pg_standin executor'")


def with_process(server, dbname="bank"):
    return [row[0] for row in server.query(WITH_PROCESS, dbname=dbname)]


def lines(server, text):
    return [line for line in server.process.log.read_text().splitlines() if text in line]


def test_prober_replay_and_change_capture_take_the_processes_of_executors(crowd):
    await_("the bank's own workers", lambda: with_process(crowd) == ["cdc", "prober", "replay", "supervisor"])
    await_("stand-in, since the core is dead",
           lambda: crowd.value("select mode from standin.core_status", dbname="bank") == "stand_in")
    assert crowd.value("select prober from standin.core_status", dbname="bank") == "core does not answer"
    assert executors(crowd) >= 3, "no more executors left than were needed"


def test_roles_take_turns(crowd):
    await_("something of each role", timeout=180, interval=1,
           condition=lambda: crowd.value("select count(distinct role) from done", dbname="bank") == ROLES)
    waiting = crowd.query("select distinct state, detail from standin.stat_worker where kind = 'executor' and pid is null", dbname="bank")
    assert any(state == "no_slot" and "turn" in detail for state, detail in waiting)
    assert crowd.value("select count(*) from standin_private.workflow_run where status = 'dead'", dbname="bank") == 0
    assert with_process(crowd) == ["cdc", "prober", "replay", "supervisor"]
    preflight = dict(crowd.query("select check_name, status from standin.preflight()", dbname="bank"))
    assert preflight["workers_without_slot"] == "ok" and preflight["executors_without_slot"] == "warning"


def test_after_kill_9_too(crowd):
    crowd.kill9()
    crowd.start()
    await_("the bank's own workers", lambda: with_process(crowd) == ["cdc", "prober", "replay", "supervisor"])
    await_("executors beside them", lambda: executors(crowd) >= 3)


def test_another_database_gets_its_supervisor_from_an_executor(crowd):
    crowd.query("create database other")
    crowd.psql(script=DATABASE, dbname="other")
    await_("its supervisor", lambda: with_process(crowd, "other") == ["supervisor"])
    start(crowd, 0, "other")
    await_("the turn of its role", timeout=120,
           condition=lambda: crowd.value("select status from standin.workflows", dbname="other") == "completed")
    crowd.query("drop database other")


def test_an_idle_executor_leaves_and_the_next_workflow_brings_it_back():
    cluster = postgres.service("idle", scratch.scratch()).init().start()
    try:
        cluster.query("create database bank")
        cluster.psql(script=DATABASE + ROLE.format(1), dbname="bank")
        for _ in range(2):
            workflow = start(cluster, 1)
            await_("its end", lambda: cluster.value("select status from standin.workflows where workflow_id = %s", [workflow],
                                                    dbname="bank") == "completed", timeout=20)
            assert executors(cluster) == 1
            await_("its leave", lambda: executors(cluster) == 0)
            await_("nothing to be seen of it",
                   lambda: not cluster.query("select kind from standin.stat_worker where kind = 'executor'", dbname="bank"))
    finally:
        cluster.stop()


def test_a_database_without_a_process_for_its_supervisor_says_so():
    cluster = postgres.service("full", scratch.scratch(), settings={"max_worker_processes": 4}).init().start()
    try:
        for name in ("first", "second", "third"):  # beside launcher and logical replication's launcher
            cluster.query(f"create database {name}")
            cluster.query("create extension pg_standin", dbname=name)
        state = "select state, detail from standin.stat_worker where kind = 'supervisor'"
        await_("the first's supervisor", lambda: cluster.query(state, dbname="first") == [("running", None)])
        await_("the third waits", lambda: cluster.query(state, dbname="third")[0][0] == "no_slot")
        found = dict((row[0], row[1:]) for row in cluster.query("select * from standin.preflight()", dbname="third"))
        assert found["supervisor"][0] == "error" and "no_slot" in found["supervisor"][1]
        told = lambda: lines(cluster, "could not start the supervisor")
        third = cluster.value("select oid from pg_database where datname = 'third'")
        cluster.query("create database fourth")  # the launcher looks again
        cluster.query("create extension pg_standin", dbname="fourth")
        await_("the fourth waits", lambda: cluster.query(state, dbname="fourth")[0][0] == "no_slot")
        assert len([line for line in told() if f"database {third}:" in line]) == 1
        cluster.query("drop database first")
        await_("the turn of one that waits",
               lambda: "running" in [cluster.query(state, dbname=name)[0][0] for name in ("third", "fourth")])
    finally:
        cluster.stop()
