-- What an operator asks: what is in force, who paused it, what names a role that is gone, when the backlog is done; and one table's
-- owner shuts nobody else's accounts out.
BEGIN;
SELECT plan(16);

CREATE SERVER view_kafka FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE SERVER view_core FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1');
CREATE ROLE view_owner;
CREATE ROLE view_other;
CREATE ROLE view_app;
CREATE SCHEMA view_schema;
GRANT USAGE, CREATE ON SCHEMA view_schema TO view_owner, view_other;
CREATE TABLE view_schema.good (account text PRIMARY KEY, balance numeric);
CREATE TABLE view_schema.bad (account text PRIMARY KEY, balance numeric);
INSERT INTO view_schema.good VALUES ('a', 10);
INSERT INTO view_schema.bad VALUES ('b', 20);
ALTER TABLE view_schema.good OWNER TO view_owner;
ALTER TABLE view_schema.bad OWNER TO view_other;
GRANT SELECT ON view_schema.good, view_schema.bad TO standin_owner;

SELECT standin.core_create('good', server => 'view_core', rise => 7);
SELECT standin.core_create('bad', server => 'view_core');
SELECT standin.operation_create('good', 'pay', dedup => 'key');
SELECT standin.rule_create('good', 'per_transaction_limit', 100);
SELECT standin.balance_bind('good', 'view_schema.good', 'account', 'balance');
SELECT standin.balance_bind('bad', 'view_schema.bad', 'account', 'balance');
INSERT INTO standin_private.account (core, account, held) VALUES ('bad', 'b', 5);

SELECT results_eq($$ SELECT core, rise, holds FROM standin.cores ORDER BY core $$, $$ VALUES ('bad', 2, 'never released'), ('good', 7, 'never released') $$);
SELECT results_eq($$ SELECT operation, capability, dedup FROM standin.operations $$, $$ VALUES ('pay', 'payments', 'key') $$);
SELECT results_eq($$ SELECT rule, operation, amount, mode FROM standin.rules $$, $$ VALUES ('per_transaction_limit', '*', 100::numeric, 'enforce') $$);
SELECT results_eq($$ SELECT core, purpose, target, problem FROM standin.bindings ORDER BY core $$,
    $$ VALUES ('bad', 'balances', 'view_schema.bad'::regclass, NULL), ('good', 'balances', 'view_schema.good', NULL) $$);

-- Accounts of two owners.
SELECT results_eq($$ SELECT core, account, balance, available, problem FROM standin.accounts ORDER BY core $$,
    $$ VALUES ('bad', 'b', 20::numeric, 15::numeric, NULL), ('good', 'a', 10, 10, NULL) $$);
CREATE FUNCTION view_schema.refuse() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not for you'; END $$;
SET ROLE view_other;
CREATE POLICY none ON view_schema.bad USING (view_schema.refuse());
ALTER TABLE view_schema.bad ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
SELECT results_eq($$ SELECT core, account, balance, held, available, problem FROM standin.accounts ORDER BY core $$,
    $$ VALUES ('bad', 'b', NULL::numeric, 5::numeric, NULL::numeric, 'not for you'), ('good', 'a', 10, 0, 10, NULL) $$, 'one that cannot be read says why, the others are there');
SET ROLE view_other;
ALTER TABLE view_schema.bad ALTER COLUMN balance TYPE text;
DROP POLICY none ON view_schema.bad;
ALTER TABLE view_schema.bad DISABLE ROW LEVEL SECURITY;
ALTER TABLE view_schema.bad DROP COLUMN balance;
RESET ROLE;
SELECT results_eq($$ SELECT core, balance, problem IS NOT NULL FROM standin.accounts ORDER BY core $$, $$ VALUES ('bad', NULL::numeric, true), ('good', 10, false) $$);
DROP TABLE view_schema.bad;
SELECT is((SELECT problem FROM standin.bindings WHERE core = 'bad'), 'the table does not exist any more');
SELECT is((SELECT problem FROM standin.accounts WHERE core = 'bad'), 'the table does not exist any more');

-- Who paused a source.
SELECT standin.cdc_source_create('paused', 'view_kafka');
CREATE ROLE view_operator;
GRANT standin_operator TO view_operator;
SET ROLE view_operator;
SELECT standin.cdc_pause('paused', 'a look at the disks');
SELECT results_eq($$ SELECT paused_by, pause_reason, paused_at IS NOT NULL FROM standin.cdc_sources $$, $$ VALUES (session_user, 'a look at the disks', true) $$, 'who logged in, not what he set');
SELECT standin.cdc_resume('paused');
SELECT results_eq($$ SELECT paused_by, paused_at FROM standin.cdc_sources $$, $$ VALUES (NULL::name, NULL::timestamptz) $$);
RESET ROLE;
SELECT throws_ok($$ SELECT standin.core_alter('good', rise => 0) $$, '22023');

-- Roles that are gone.
SELECT standin.operation_grant('good', '*', 'view_app');
SELECT is((SELECT status FROM standin.preflight() WHERE check_name = 'roles'), 'ok');
DROP ROLE view_app;
SELECT results_eq($$ SELECT status, found FROM standin.preflight() WHERE check_name = 'roles' $$, $$ VALUES ('error', 'gone: view_app (operations granted at core good)') $$);

-- When a backlog is gone.
INSERT INTO standin_private.pending_transaction (ticket, account, core, capability, operation, key, amount, payload, promised, epoch, accepted_at, changed_at, state)
SELECT i, i, 'good', 'payments', 'pay', 'k' || i, 1, '{}', true, 1, now(), now(), 'accepted' FROM generate_series(1, 500) i;
UPDATE standin_private.core_mode SET backlog = 1000 WHERE core = 'good';
SELECT is((SELECT per_second FROM standin.backlogs WHERE (kind, name) = ('core', 'good')), NULL, 'not known yet');
SELECT standin_private.clock_advance('10 seconds');
UPDATE standin_private.core_mode SET backlog = 500 WHERE core = 'good';
SELECT ok(backlog = 500 AND per_second BETWEEN 45 AND 51 AND gone_at - standin_private.clock_now() BETWEEN '9 seconds' AND '12 seconds', 'half of it in ten seconds')
FROM standin.backlogs WHERE (kind, name) = ('core', 'good');

SELECT * FROM finish();
ROLLBACK;
