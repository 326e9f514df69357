"""Null gives nobody anything: every public routine, from the catalogue, with null for each of its arguments in turn."""

import contextlib

import psycopg2
import pytest

SETUP = """
CREATE ROLE app LOGIN; CREATE ROLE nosy LOGIN; CREATE ROLE operator LOGIN; CREATE ROLE approver LOGIN; CREATE ROLE auditor LOGIN;
CREATE ROLE admin LOGIN; CREATE ROLE replica;
GRANT standin_app TO app, nosy;
GRANT standin_operator TO operator; GRANT standin_approver TO approver; GRANT standin_auditor TO auditor; GRANT standin_admin TO admin;
GRANT replica TO admin, operator;
CREATE TABLE account (account text PRIMARY KEY, balance numeric, key text); ALTER TABLE account OWNER TO replica;
CREATE TABLE copy (LIKE account INCLUDING ALL); ALTER TABLE copy OWNER TO replica;
GRANT SELECT ON account TO standin_owner;
CREATE SERVER kafka FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE SERVER core FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1');
GRANT USAGE ON FOREIGN SERVER kafka, core TO admin;
SELECT standin.cdc_source_create('source', 'kafka', paused => true);
SELECT standin.cdc_table_add('source', 'topic', 'account');
SELECT standin.core_define('core', server => 'core', probe_interval => '1 hour');
SELECT standin.operation_define('core', 'pay', standin_allowed => true);
SELECT standin.operation_grant('core', '*', 'app');
SELECT standin.core_switch('core', 'forced_stand_in', 'a test');
SELECT standin.workflow_define('workflow');
SELECT standin.outbox_relay_create('relay', 'kafka'), standin.outbox_topic_create('topic', 'relay'), standin.outbox_topic_grant('topic', 'app');
SET SESSION AUTHORIZATION app;
SELECT standin.transaction_submit('core', 'pay', 'key', '{"account": "a", "amount": 4711}');
SELECT standin.outbox_publish('topic', 'key', '4711');
SELECT standin.workflow_start('workflow', 'finished', '{"secret": 4711}');
SELECT standin.workflow_start('workflow', 'open', '{"secret": 4711}');
SELECT standin.workflow_claim('worker', ARRAY['workflow'], max_count => 2);
SELECT standin.step_record('finished', 1, 'step', '{"secret": 4711}');
SELECT standin.step_record('open', 1, 'step', '{"secret": 4711}');
SELECT standin.workflow_complete('finished', 1, '{"secret": 4711}');
SELECT standin.schedule_create('workflow', 'workflow', '@yearly', '{"secret": 4711}');
RESET SESSION AUTHORIZATION;
"""

# What another argument is: by its name, else by its type. The objects exist and are the application's, not the caller's.
BY_NAME = {
    "core": "'core'", "operation": "'pay'", "key": "'key'", "payload": """'{"account": "a", "amount": 4711}'""", "server": "'kafka'",
    "source": "'source'", "topic": "'topic'", "target": "'account'", "reference": "'account'", "name": "'workflow'", "id": "'finished'",
    "names": "'{workflow}'", "token": "1", "role": "'nosy'", "mode": "'online'", "resolution": "'retry'", "channel": "'nosy'",
    "timeout": "'0'", "wait": "'0'", "lease": "'30 s'", "partition": "0", "kind": "'current'", "connector": "'postgres'",
    "account_column": "'account'", "amount_column": "'balance'", "balance_column": "'balance'", "key_column": "'key'", "as_of_column": "'key'", "status_column": "'key'",
    "overdraft_column": "'key'", "list": "'block'", "apply_role": "'replica'", "owner": "'replica'",
    "column_name": "'balance'", "rule": "'available_balance'", "capability": "'payments'", "bian_domain": "'PaymentOrder'",
    "procedure": "NULL", "function": "NULL", "message_function": "NULL", "signal_table": "NULL", "step": "'step'", "reason": "'a test'",
    "workflow": "'workflow'", "cron": "'@daily'", "time_zone": "'UTC'", "overlap": "'skip'", "backfill": "'last'",
    "starts_at": "'2026-01-01'", "ends_at": "'2100-01-01'", "relay": "'relay'",
}
BY_TYPE = {
    "text": "'a'", "name": "'a'", "bigint": "1", "integer": "1", "boolean": "true", "jsonb": "'{}'", "interval": "'1 s'", "numeric": "1",
    "regclass": "'account'", "text[]": "'{a}'", "name[]": "'{a}'", "jsonb[]": "'{}'", "double precision": "1",
    "timestamp with time zone": "'2026-01-01'", "regprocedure": "NULL", "uuid": "gen_random_uuid()",
}
# Arguments without a default for which null has a meaning, that the routine's comment tells.
MEANINGFUL = {("workflow_result", "timeout"), ("workflow_wait", "timeout"),
              ("outbox_publish", "key"), ("outbox_publish", "payload"), ("outbox_publish", "headers")}
# Parts of cdc_verify that make SQL out of their arguments and read nothing.
PURE = {"cdc_verification_range", "cdc_verification_row", "cdc_verification_state"}
ROUTINES = """
SELECT p.proname, p.prokind = 'p',
       (SELECT json_agg(json_build_array(p.proargnames[a.i], format_type(a.type, NULL),
                                         a.i > p.pronargs - p.pronargdefaults
                                         AND coalesce(pg_get_function_arg_default(p.oid, a.i::int) LIKE 'NULL%', false),
                                         CASE p.proargmodes[a.i] WHEN 'v' THEN 'VARIADIC ' ELSE '' END) ORDER BY a.i)
        FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) WITH ORDINALITY a (type, i)
        WHERE coalesce(p.proargmodes[a.i], 'i') IN ('i', 'b', 'v'))
FROM pg_proc p WHERE p.pronamespace = 'standin'::regnamespace ORDER BY p.oid::regprocedure::text
"""
# All that the product keeps, but for what its workers write by themselves.
STATE = """
SELECT c.oid::regclass::text, (xpath('//t/text()', query_to_xml(format('SELECT md5(coalesce(string_agg(x::text, chr(10) ORDER BY x::text), '''')) AS t FROM %s x',
       c.oid::regclass), true, true, '')))[1]::text
FROM pg_class c WHERE c.relnamespace = 'standin_private'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('worker_mark', 'core_mode', 'outbox_progress') ORDER BY 1
"""


@pytest.fixture(scope="module")
def service(bank):
    bank.start_service()
    bank.service.psql("-v", "ON_ERROR_STOP=1", "-c", SETUP, dbname="bank")
    return bank


def calls(routine, procedure, arguments):
    """(number of the argument that is null, statement): one for each argument, one where all are null."""
    for null in [*range(len(arguments)), None]:
        given = []
        for number, (name, kind, _, variadic) in enumerate(arguments):
            value = "NULL" if null in (number, None) else BY_NAME.get(name) or BY_TYPE[kind]
            given.append(f'{variadic}"{name}" => {value}::{kind}')
        yield null, f"{'CALL' if procedure else 'SELECT * FROM'} standin.{routine}({', '.join(given)})"


def attempt(session, procedure, statement):
    """(SQLSTATE, rows) of a statement whose effects are not kept; procedures that commit run as they are."""
    session.autocommit = procedure
    with session.cursor() as cursor:
        try:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            return None, [row for row in rows if any(value not in (None, "", False) for value in row)]
        except psycopg2.Error as error:
            assert not session.closed, f"{statement}: {error}"
            return error.pgcode, []
        finally:
            if not procedure:
                session.rollback()


@pytest.mark.parametrize("role", ["nosy", "app", "operator", "approver", "auditor", "admin"])
def test_null_gives_nobody_anything(service, role):
    wrong, tried = [], 0
    with contextlib.closing(service.service.connect("bank", user=role)) as session:
        session.autocommit = True
        session.cursor().execute("SET statement_timeout = '20 s'")
        for routine, procedure, arguments in service.query(ROUTINES):
            for null, statement in calls(routine, procedure, arguments or []):
                if not arguments:
                    continue
                before = service.query(STATE) if procedure else None
                sqlstate, rows = attempt(session, procedure, statement)
                tried += 1
                optional = null is not None and (arguments[null][2] or (routine, arguments[null][0]) in MEANINGFUL)
                if sqlstate and (sqlstate[:2] in ("XX", "57", "58", "08", "39") or sqlstate in ("P0001", "23502", "42702", "42703", "42601", "42883")):
                    wrong.append(("error", sqlstate, statement))
                elif rows and not optional and routine not in PURE:
                    wrong.append(("result", rows, statement))
                elif role == "nosy" and any("4711" in str(row) for row in rows):
                    wrong.append(("another's data", rows, statement))
                if sqlstate and procedure and service.query(STATE) != before:
                    wrong.append(("changed", sqlstate, statement))
    assert tried > 100
    assert not wrong, "\n".join(map(str, wrong))


def test_a_null_token_does_not_open_the_steps_of_others(service):
    """It gave every application the steps of all finished external workflows."""
    with contextlib.closing(service.service.connect("bank", user="nosy")) as session, session.cursor() as cursor:
        for token in ("NULL", "0", "1"):
            with pytest.raises((psycopg2.errors.NullValueNotAllowed, psycopg2.errors.ObjectNotInPrerequisiteState)):
                cursor.execute(f"SELECT * FROM standin.step_result('finished', {token}, 'step')")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SELECT * FROM standin.step_result('open', 1, 'step')")
