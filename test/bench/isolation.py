"""What sessions cost others that idle in their transactions: how late change events are applied, and how long a payment of another
account takes from its commit to the core's answer, beside such sessions and without them."""

import contextlib
import time

from harness import postgres
from harness.await_ import await_
from harness.kafka import Kafka

from . import replay_drain
from .cdc_events import envelope
from .cdc_latency import milliseconds
from .cdc_stream import Bench, rows

SESSIONS = 16
SETUP = """
CREATE SERVER core_bank FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '{port}', dbname 'core');
CREATE USER MAPPING FOR standin_owner SERVER core_bank OPTIONS (user 'core', password_required 'false');
SELECT standin.core_define('core', server => 'core_bank', replay_rate => 1000000);
SELECT standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
SELECT standin.operation_grant('core', '*', 'postgres', channel => '');
"""
SUBMIT = "SELECT ticket FROM standin.transaction_submit('core', 'payment', %s, jsonb_build_object('account', %s::text, 'amount', 1))"
POSTED = "SELECT count(*) FROM standin_private.pending_transaction WHERE core = 'core' AND state NOT IN ('posted', 'reconciled')"


def idle_session(stack, server, number):
    """Its account's row is locked, and a payment of it is posted whose booking change capture then brings."""
    session = stack.enter_context(contextlib.closing(server.connect("bank", autocommit=False)))
    session.cursor().execute(SUBMIT, [f"idle-{number}-{time.monotonic_ns()}", f"idle-{number}"])


def submit_to_posted(server, name, count):
    """Milliseconds at the median."""
    times = []
    with contextlib.closing(server.connect("bank")) as session, session.cursor() as cursor:
        for number in range(count):
            began = time.monotonic()
            cursor.execute(SUBMIT, [f"{name}-{number}", f"other-{number % 1000}"])
            cursor.execute("CALL standin.transaction_wait(%s, '1 minute')", [cursor.fetchone()[0]])
            times.append((time.monotonic() - began) * 1000)
    return sorted(times)[count // 2]


def apply_latency(bench, name):
    """Milliseconds at the median; each tenth event books a payment of a session's account."""
    table = f"booked_{name}"
    bench.table(table, "id integer PRIMARY KEY, key text")
    bench.query(f"GRANT SELECT ON {table} TO standin_owner; SELECT standin.reconciliation_bind('core', '{table}', 'key')")
    count, warm = rows(5_000), rows(500, 100)
    keys = [f'"booked-{name}-{i // 10 % SESSIONS}"' if i % 10 == 0 else "null" for i in range(count)]
    events = ((f'{{"id":{i}}}', envelope("c", table, i, "null", f'{{"id":{i},"key":{key}}}')) for i, key in enumerate(keys))
    times = milliseconds(bench, table, count, warm, events)
    return times[len(times) // 2]


def run(server, directory, results):
    server.configure(track_commit_timestamp="on")
    server.restart()
    core = postgres.plain("core", directory).init().start()
    kafka = Kafka(directory, quick=False).create()
    try:
        core.query("CREATE DATABASE core")
        core.psql("-c", replay_drain.CORE, dbname="core")
        server.psql("-c", SETUP.format(port=core.port), dbname="bank")
        await_("the core", lambda: server.value("SELECT mode FROM standin.core_status", dbname="bank") == "online")
        bench = Bench(server, kafka, directory, results)
        figures = {}
        for name in ("without", "beside"):
            for number in range(SESSIONS):
                bench.query(SUBMIT, [f"booked-{name}-{number}", f"idle-{number}"])
            await_("these to be posted", lambda: bench.value(POSTED) == 0)
            with contextlib.ExitStack() as stack:
                if name == "beside":
                    for number in range(SESSIONS):
                        idle_session(stack, server, number)
                figures[name] = apply_latency(bench, name), submit_to_posted(server, name, rows(2_000, 200))
        for place, figure in enumerate(("idle_sessions_cdc_p50", "idle_sessions_posted_p50")):
            results.add(figure, figures["beside"][place], "ms", "without sessions", figures["without"][place])
    finally:
        kafka.stop()
        core.stop()
