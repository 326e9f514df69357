"""transaction_submit against pgbench's single-row INSERT, each call a commit of its own; transaction_execute online against the call
that it makes, core_post on a kept connection."""

import os
import pathlib
import re

from harness import postgres

from .replay_drain import replay_drain
from .results import resident_memory

PASSWORD = {**os.environ, "PGPASSWORD": "secret"}
SECONDS = 8
CLIENTS = (1, 4, 16)

SETUP = """
CREATE TABLE balance (account text PRIMARY KEY, amount numeric NOT NULL);
INSERT INTO balance SELECT i::text, 1000000 FROM generate_series(1, 100000) i;
GRANT SELECT ON balance TO standin_owner;
CREATE TABLE plain (id bigserial PRIMARY KEY, account text NOT NULL, payload jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE SERVER nowhere FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1', dbname 'core');
CREATE USER MAPPING FOR standin_owner SERVER nowhere OPTIONS (user 'nobody', password 'none');
SELECT standin.core_define('core', server => 'nowhere', backlog_ceiling => 100000000);
SELECT standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
SELECT standin.balance_bind('core', 'balance', 'account', 'amount');
SELECT standin.rule_define('core', 'per_transaction_limit', 1000);
SELECT standin.rule_define('core', 'cumulative_limit', 1000000, "window" => 'episode');
SELECT standin.rule_define('core', 'available_balance');
"""

CORE = """
CREATE ROLE bank_service LOGIN PASSWORD 'secret';
CREATE TABLE booked (key text PRIMARY KEY, account text NOT NULL, amount numeric NOT NULL);
CREATE FUNCTION core_post(key text, operation text, payload jsonb, OUT status text, OUT reference text, OUT message text)
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO booked VALUES (core_post.key, payload ->> 'account', (payload ->> 'amount')::numeric) ON CONFLICT DO NOTHING;
    status := 'posted';
    reference := core_post.key;
END $$;
CREATE FUNCTION core_inquire(key text, OUT status text, OUT reference text, OUT message text) LANGUAGE sql SECURITY DEFINER
    AS $$ SELECT CASE WHEN EXISTS (SELECT FROM booked b WHERE b.key = core_inquire.key) THEN 'posted' ELSE 'not_found' END, core_inquire.key, '' $$;
"""
HBA = """local all all trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
ONLINE = """
CREATE SERVER online FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '{port}', dbname 'postgres');
CREATE USER MAPPING FOR standin_owner SERVER online OPTIONS (user 'bank_service', password 'secret');
SELECT standin.core_define('online', server => 'online', connections_maximum => 60);
SELECT standin.operation_define('online', 'payment', dedup => 'key');
"""
EXECUTE = r"""\set account random(1, 100000)
CALL standin.transaction_execute('online', 'payment', gen_random_uuid()::text, jsonb_build_object('account', :account::text, 'amount', 1));
"""
POST = r"""\set account random(1, 100000)
SELECT status, reference, message FROM core_post(gen_random_uuid()::text, 'payment', jsonb_build_object('account', :account::text, 'amount', 1));
"""

SUBMIT = r"""\set account random(1, 100000)
SELECT standin.transaction_submit('core', 'payment', gen_random_uuid()::text, jsonb_build_object('account', :account::text, 'amount', 1));
"""
INSERT = r"""\set account random(1, 100000)
INSERT INTO plain (account, payload) VALUES (:account::text, jsonb_build_object('key', gen_random_uuid(), 'amount', 1));
"""


def rate(server, script, clients):
    printed = server.tool("pgbench", "-n", "-M", "prepared", "-f", script, "-c", clients, "-j", min(clients, 2), "-T", SECONDS, "bank")
    failed = re.search(r"number of failed transactions: (\d+)", printed)
    if failed and int(failed.group(1)):
        raise RuntimeError(printed)
    return float(re.search(r"tps = ([0-9.]+)", printed).group(1))


def median(server, script, clients, directory, dbname, user="postgres"):
    """Milliseconds of a call, of all that pgbench logs."""
    prefix = directory / "latency" / script.stem
    prefix.parent.mkdir(exist_ok=True)
    for old in prefix.parent.glob(f"{script.stem}.*"):
        old.unlink()
    server.tool("pgbench", "-n", "-U", user, "-f", script, "-c", clients, "-j", min(clients, 2), "-T", SECONDS, "-l",
                f"--log-prefix={prefix}", dbname, env=PASSWORD)
    times = sorted(int(line.split()[2]) for log in prefix.parent.glob(f"{script.stem}.*") for line in pathlib.Path(log).read_text().splitlines())
    return times[len(times) // 2] / 1000


def execute_vs_core_call(server, directory, results):
    core = postgres.plain("core", directory, hba=HBA, settings={"max_connections": "100"}).init().start()
    try:
        core.psql("-c", CORE)
        server.psql("-c", ONLINE.format(port=core.port), dbname="bank")
        scripts = {}
        for name, text in (("execute", EXECUTE), ("post", POST)):
            scripts[name] = directory / f"{name}.sql"
            scripts[name].write_text(text)
        for clients in CLIENTS:
            post = median(core, scripts["post"], clients, directory, "postgres", "bank_service")
            execute = median(server, scripts["execute"], clients, directory, "bank")
            results.add(f"execute_vs_core_call_c{clients}", execute, "ms", "core_post", post)
        unposted = server.value("SELECT count(*) FROM standin_private.pending_transaction WHERE core = 'online' AND state <> 'posted'", dbname="bank")
        if unposted:
            raise RuntimeError(f"{unposted} payments are not posted")
    finally:
        core.stop()


def run(server, directory, results):
    server.psql("-c", SETUP, dbname="bank")
    server.query("SELECT standin.core_switch('core', 'forced_stand_in', 'benchmark')", dbname="bank")
    scripts = {}
    for name, text in (("submit", SUBMIT), ("insert", INSERT)):
        scripts[name] = directory / f"{name}.sql"
        scripts[name].write_text(text)
    for clients in CLIENTS:
        insert = rate(server, scripts["insert"], clients)
        submit = rate(server, scripts["submit"], clients)
        results.add(f"submit_vs_insert_c{clients}", submit, "tps", "INSERT", insert)
    execute_vs_core_call(server, directory, results)
    resident_memory(server, "bank", results)
    replay_drain(server, directory, results)
