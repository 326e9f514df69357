"""What the tests of copies share: a bank with sources, a stand-in episode and workflows under way, and what is in it."""

import contextlib

from harness.await_ import await_
from streams import Stream, event

# The owner role of the tables, the core and its queue, workflows one of which stands before a gate that a test holds.
SETUP = """
CREATE ROLE app LOGIN;
GRANT standin_app TO app;
GRANT CREATE ON SCHEMA public TO app;
CREATE TABLE history (hid bigint PRIMARY KEY, idempotency_key text, delta integer);
ALTER TABLE history OWNER TO replica;
GRANT SELECT ON history TO standin_owner;
SELECT standin.cdc_source_create('core', 'kafka');
SELECT standin.cdc_table_add('core', 'core.public.pgbench_history', 'history');
CREATE SERVER core_bank FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '{port}', dbname 'bank');
CREATE USER MAPPING FOR standin_owner SERVER core_bank OPTIONS (user 'bank_service', password '{password}');
SELECT standin.core_define('core', server => 'core_bank', probe_interval => '100 ms', minimum_dwell => '100 ms');
SELECT standin.operation_define('core', 'payment', capability => 'PaymentOrder', standin_allowed => true, dedup => 'key');
SELECT standin.operation_grant('core', '*', 'app', channel => '');
SELECT standin.rule_define('core', 'per_transaction_limit', 100);
SELECT standin.reconciliation_bind('core', 'history', 'idempotency_key');
SELECT standin.capability_define('PaymentOrder', 'PaymentOrder', 'payments team', true, '1 hour');
SELECT standin.workflow_define('external');
SELECT standin.schedule_create('yearly', 'external', '@yearly', '{{"a": 1}}', role => 'app');
SET SESSION AUTHORIZATION app;
CREATE TABLE effect (workflow_id text, seq text);
CREATE TABLE gate (id integer PRIMARY KEY);
INSERT INTO gate VALUES (1);
CREATE FUNCTION effect(input jsonb) RETURNS jsonb LANGUAGE sql AS
    $$ INSERT INTO public.effect VALUES (standin.workflow_current(), standin.step_key()) RETURNING '{{}}'::jsonb $$;
CREATE FUNCTION gated(input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{{}}'::jsonb FROM public.gate FOR UPDATE $$;
CREATE PROCEDURE gated_chain(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('before', 'public.effect', '{{}}', result);
    CALL standin.step('gated', 'public.gated', '{{}}', result);
    CALL standin.step('after', 'public.effect', '{{}}', result);
END $$;
RESET SESSION AUTHORIZATION;
SELECT standin.workflow_define('gated', 'public.gated_chain(jsonb)');
"""
FILL = """
SELECT standin.core_switch('core', 'forced_stand_in', 'a test');
SELECT standin.transaction_submit('core', 'payment', 'key-' || i, jsonb_build_object('account', i % 5 + 1, 'amount', i))
FROM generate_series(1, 20) i;
SELECT standin.transaction_submit('core', 'payment', 'declined', '{"account": 1, "amount": 1000}');
SET SESSION AUTHORIZATION app;
SELECT standin.workflow_start('external', 'run-1', '{"a": 1}');
SELECT standin.workflow_start('gated', 'gated-' || i, '{}') FROM generate_series(1, 3) i;
"""
# What workers write of themselves while they run, and what probes count.
RUNNING = ("standin_private.worker_mark", "standin_private.instance", "standin_private.core_mode", "standin_private.foreign_key",
           "standin_private.clock_mark")
TABLES = """SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r'
    AND c.relnamespace IN ('standin_private'::regnamespace, 'public'::regnamespace) ORDER BY 1"""
# The product's own foreign keys come with the adoption.
KEYS = """SELECT conrelid::regclass::text, conname::text FROM pg_constraint WHERE contype IN ('p', 'u')
    OR contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1, 2"""
FOREIGN_KEYS = """SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' AND connamespace = 'standin_private'::regnamespace ORDER BY 1, 2"""
WORKING = "SELECT kind, key, state, detail FROM standin.stat_worker WHERE kind <> 'supervisor' AND (state <> 'refused' OR pid IS NOT NULL)"


def rows(stream, count, first=0):
    stream.produce([event("c", {"id": i, "note": f"row {i}"}) for i in range(first, first + count)])


def make_bank(bank, sources=3, records=2000):
    """Core, Kafka, service; the streams, whose row i is the record at offset i."""
    bank.start_core()
    bank.query(SETUP.format(port=bank.core.cluster.port, password=bank.core.SERVICE[1]))
    streams = [Stream(bank, f"source_{number}", "id int primary key, note text") for number in range(sources)]
    for stream in streams:
        rows(stream, records)
    return streams


@contextlib.contextmanager
def episode(bank):
    """Payments are queued; a workflow has done its first step and waits for the gate as long as this lasts."""
    with contextlib.closing(bank.service.connect("bank", autocommit=False)) as session, session.cursor() as cursor:
        cursor.execute("SELECT FROM gate FOR UPDATE")
        bank.service.psql("-c", FILL, dbname="bank")
        await_("the first step", lambda: bank.value("SELECT count(*) FROM standin_private.workflow_step") == 1)
        yield


def contents(cluster, dbname="bank"):
    """Every row of the product's tables and of the users', and the keys."""
    # A source's version counts changes of its tables, and their coming back is one.
    row = {"standin_private.cdc_source": "(to_jsonb(t) - 'version')"}
    found = {name: sorted(one for (one,) in cluster.query(f"SELECT {row.get(name, 't')}::text FROM {name} t", dbname=dbname))
             for (name,) in cluster.query(TABLES, dbname=dbname) if name not in RUNNING}
    return found, cluster.query(KEYS, dbname=dbname)


def require_equal(cluster, dbname, state):
    found = contents(cluster, dbname)
    assert found[0].keys() == state[0].keys()
    for name, expected in state[0].items():
        assert found[0][name] == expected, name
    assert found[1] == state[1]


def await_refused(cluster, dbname, kinds=("cdc", "executor", "prober", "replay", "scheduler")):
    """Every worker is shown as refused, and none runs."""
    def refused():
        states = cluster.query("SELECT DISTINCT kind FROM standin.stat_worker WHERE state = 'refused' ORDER BY kind", dbname=dbname)
        return [kind for (kind,) in states] == list(kinds) and not cluster.query(WORKING, dbname=dbname)
    await_("all workers to be refused", refused, 90)
