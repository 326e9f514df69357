"""transaction_submit against pgbench's single-row INSERT, each call a commit of its own."""

import re

from .results import resident_memory

SECONDS = 8
CLIENTS = (1, 4, 16)

SETUP = """
CREATE TABLE balance (account text PRIMARY KEY, amount numeric NOT NULL);
INSERT INTO balance SELECT i::text, 1000000 FROM generate_series(1, 100000) i;
GRANT SELECT ON balance TO standin_owner;
CREATE TABLE plain (id bigserial PRIMARY KEY, account text NOT NULL, payload jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE SERVER nowhere FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1', dbname 'core');
CREATE USER MAPPING FOR standin_owner SERVER nowhere OPTIONS (user 'nobody');
SELECT standin.core_define('core', server => 'nowhere', backlog_ceiling => 100000000);
SELECT standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
SELECT standin.balance_bind('core', 'balance', 'account', 'amount');
SELECT standin.rule_define('core', 'per_transaction_limit', 1000);
SELECT standin.rule_define('core', 'cumulative_limit', 1000000, "window" => 'episode');
SELECT standin.rule_define('core', 'available_balance');
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
    resident_memory(server, "bank", results)
