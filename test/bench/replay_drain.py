"""The rate at which a long backlog of many accounts is replayed: at the start, in the middle and at the end."""

import time

from harness import postgres

DRAINED = 100_000
ACCOUNTS = 10_000
CORE = """
CREATE ROLE core LOGIN;
CREATE TABLE booking (key text PRIMARY KEY, account text NOT NULL, amount numeric NOT NULL);
CREATE FUNCTION core_post(key text, operation text, payload jsonb, OUT status text, OUT reference text, OUT message text)
LANGUAGE sql SECURITY DEFINER AS $$
    INSERT INTO booking SELECT key, payload ->> 'account', (payload ->> 'amount')::numeric ON CONFLICT DO NOTHING;
    SELECT 'posted', key, ''
$$;
CREATE FUNCTION core_inquire(asked text, OUT status text, OUT reference text, OUT message text)
LANGUAGE sql SECURITY DEFINER AS $$
    SELECT coalesce(max('posted'), 'not_found'), max(key), '' FROM booking WHERE key = asked $$;
"""
DRAIN = """
CREATE SERVER drained_core FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '{port}', dbname 'core');
CREATE USER MAPPING FOR standin_owner SERVER drained_core OPTIONS (user 'core', password_required 'false');
SELECT standin.core_define('drained', server => 'drained_core', replay_rate => 1000000, probe_interval => '1 second');
SELECT standin.operation_define('drained', 'payment', standin_allowed => true, dedup => 'key');
SELECT standin.core_switch('drained', 'forced_stand_in', 'benchmark');
"""
FILL = """
ANALYZE;
SELECT count(*) FROM generate_series(1, {count}) i, standin.transaction_submit('drained', 'payment', 'drain-' || i,
    jsonb_build_object('account', (i * 7919) % {accounts}, 'amount', 1));
"""


def replay_drain(server, directory, results):
    """A backlog of many accounts goes to a PostgreSQL core; statistics are made anew in between, which must not slow it down."""
    core = postgres.plain("drained_core", directory).init().start()
    try:
        core.query("CREATE DATABASE core")
        core.psql("-c", CORE, dbname="core")
        server.psql("-c", DRAIN.format(port=core.port), dbname="bank")
        server.query(FILL.format(count=DRAINED, accounts=ACCOUNTS), dbname="bank")
        server.query("SELECT standin.core_switch('drained', 'recovering', 'benchmark')", dbname="bank")
        times = {0: time.monotonic()}
        for share in (0.1, 0.45, 0.55, 0.9, 1):
            until = int(DRAINED * share)
            while core.value("SELECT count(*) FROM booking", dbname="core") < until:
                time.sleep(0.02)
            times[share] = time.monotonic()
            if share in (0.1, 0.55):
                server.query("ANALYZE", dbname="bank")
    finally:
        core.stop()
    rates = {name: DRAINED * (end - begin) / (times[end] - times[begin])
             for name, begin, end in (("start", 0, 0.1), ("middle", 0.45, 0.55), ("end", 0.9, 1))}
    results.add("replay_drain_middle", rates["middle"], "tx/s", "at the start", rates["start"])
    results.add("replay_drain", rates["end"], "tx/s", "at the start", rates["start"])
