"""A restored copy with payments in its queue, beside a living core: silent until it is adopted, then the queue goes on."""

import psycopg2
import pytest

from harness.await_ import await_

SETUP = """
CREATE ROLE app LOGIN;
GRANT standin_app TO app;
CREATE ROLE replica;
CREATE TABLE history (hid bigint PRIMARY KEY, idempotency_key text, delta integer);
ALTER TABLE history OWNER TO replica;
GRANT SELECT ON history TO standin_owner;
CREATE SERVER kafka FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT standin.cdc_source_create('core', 'kafka');
SELECT standin.cdc_table_add('core', 'core.public.pgbench_history', 'history');
CREATE SERVER core_bank FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '{port}', dbname 'bank');
CREATE USER MAPPING FOR standin_owner SERVER core_bank OPTIONS (user 'bank_service', password '{password}');
SELECT standin.core_define('core', server => 'core_bank', probe_interval => '100 ms', minimum_dwell => '100 ms');
SELECT standin.operation_define('core', 'payment', capability => 'PaymentOrder', standin_allowed => true, dedup => 'key');
SELECT standin.operation_grant('core', '*', 'app', channel => '');
SELECT standin.rule_define('core', 'per_transaction_limit', 100);
SELECT standin.rule_create('core', 'velocity_count', maximum_count => 1000, "window" => '1 hour', account => '1');
SELECT standin.rule_alter('core', 'velocity_count', maximum_count => 999, "window" => '1 hour', account => '1');
SELECT standin.account_list_add('core', 'block', '6', 'a test', '2100-01-01');
SELECT standin.reconciliation_bind('core', 'history', 'idempotency_key');
SELECT standin.capability_define('PaymentOrder', 'PaymentOrder', 'payments team', true, '1 hour');
SELECT standin.workflow_define('external');
"""
FILL = """
SELECT standin.core_switch('core', 'forced_stand_in', 'a test');
SELECT standin.transaction_submit('core', 'payment', 'key-' || i, jsonb_build_object('account', i % 5 + 1, 'amount', i))
FROM generate_series(1, 20) i;
SELECT standin.transaction_submit('core', 'payment', 'declined', '{"account": 1, "amount": 1000}');
SELECT standin.workflow_start('external', 'run-1', '{"a": 1}');
"""
STATE = """SELECT (SELECT array_agg((t.key, t.state, t.hold, t.ticket)::text ORDER BY t.ticket) FROM standin.transactions t),
    (SELECT array_agg(f::text) FROM standin.conservation f), (SELECT array_agg(w.workflow_id || w.status) FROM standin.workflows w),
    (SELECT array_agg(c::text) FROM (SELECT capability, bian_domain, mode FROM standin.capabilities) c),
    (SELECT array_agg((s.source, s.server)::text) FROM standin.cdc_sources s),
    (SELECT array_agg(r::text ORDER BY r::text) FROM standin.rules r), (SELECT array_agg(r::text ORDER BY r.change) FROM standin.rule_changes r),
    (SELECT array_agg(l::text) FROM standin.account_lists l), (SELECT array_agg(l::text) FROM standin.account_list_changes l),
    (SELECT array_agg((a.account, a.episode_count, a.day_count, a.recent)::text ORDER BY a.account) FROM standin_private.account a)"""


def test_a_restored_copy_is_whole_and_silent_until_adopted(bank):
    core = bank.start_core()
    service = bank.start_service()
    service.psql("-c", SETUP.format(port=core.cluster.port, password=core.SERVICE[1]), dbname="bank")
    service.psql("-c", FILL, dbname="bank")
    before = bank.query(STATE)
    assert len(before[0][0]) == 21

    dump = bank.directory / "bank.dump"
    service.tool("pg_dump", "-Fc", "-f", dump, "bank")
    service.query("DROP DATABASE bank")
    service.query("CREATE DATABASE restored")
    service.tool("pg_restore", "--exit-on-error", "-d", "restored", dump)
    assert service.query(STATE, dbname="restored") == before

    # An operator opens the gate, the core is up: only the instance guard holds the payments back.
    service.query("SELECT standin.core_switch('core', 'online', 'a test')", dbname="restored")
    refused = "SELECT count(*) FROM standin.stat_worker WHERE state = 'refused' AND detail LIKE 'bound to another database%'"
    await_("reader, prober and replay refused", lambda: service.value(refused, dbname="restored") == 3)
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        service.query("CALL standin.transaction_execute('core', 'payment', 'key-21', '{\"account\": 9, \"amount\": 1}')",
                      dbname="restored", user="app")
    assert core.booked() == []

    service.query("SELECT standin.instance_adopt('the old database was dropped')", dbname="restored")
    await_("the queue drained", lambda: len(core.booked()) == 20)
    by_account = {}
    for _, key, account, _ in core.booked():
        by_account.setdefault(account, []).append(int(key.removeprefix("key-")))
    assert all(keys == sorted(keys) for keys in by_account.values()), by_account
    # New tickets and ids go on after the restored ones.
    assert service.value("SELECT ticket FROM standin.transaction_submit('core', 'payment', 'key-22', '{\"account\": 1, \"amount\": 1}')",
                         dbname="restored") > 21
    await_("the new one too", lambda: len(core.booked()) == 21)
    assert service.value("SELECT balanced FROM standin.conservation", dbname="restored")
