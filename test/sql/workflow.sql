-- In-database workflows: what a procedure may do, and what fails it. The executor is a worker of this server.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE workflow_teller LOGIN;
GRANT standin_app TO workflow_teller;
CREATE ROLE workflow_nologin NOLOGIN;
GRANT standin_app TO workflow_nologin;
CREATE SCHEMA teller AUTHORIZATION workflow_teller;
CREATE FUNCTION public.forbidden(input jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT input';
REVOKE ALL ON FUNCTION public.forbidden FROM PUBLIC;

SET SESSION AUTHORIZATION workflow_teller;
SET search_path = teller;
CREATE TABLE account (id int PRIMARY KEY, balance numeric NOT NULL CHECK (balance >= 0));
INSERT INTO account VALUES (1, 100), (2, 0);
CREATE TABLE effect (what text);
CREATE TABLE late (what text, CONSTRAINT once UNIQUE (what) DEFERRABLE INITIALLY DEFERRED);

CREATE FUNCTION move(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    new_balance numeric;
BEGIN
    UPDATE teller.account SET balance = balance + (input->>'amount')::numeric WHERE id = (input->>'account')::int
        RETURNING balance INTO new_balance;
    INSERT INTO teller.effect VALUES (standin.step_key());
    RETURN jsonb_build_object('balance', new_balance);
END $$;
CREATE FUNCTION note(input jsonb) RETURNS jsonb LANGUAGE sql AS $$ INSERT INTO teller.effect VALUES (input->>'what') RETURNING NULL::jsonb $$;
CREATE FUNCTION fails(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO teller.effect VALUES ('of a failed attempt');
    RAISE EXCEPTION 'the handler failed' USING ERRCODE = 'TS001', DETAIL = 'the detail', HINT = 'the hint';
END $$;
CREATE FUNCTION fails_late(input jsonb) RETURNS jsonb LANGUAGE sql AS $$ INSERT INTO teller.late VALUES ('x'); SELECT '{}'::jsonb $$;
CREATE FUNCTION not_jsonb(input jsonb) RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
CREATE FUNCTION nothing(input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT CASE WHEN input IS NOT NULL THEN '"called"'::jsonb END $$;
CREATE FUNCTION strict(input jsonb) RETURNS jsonb STRICT LANGUAGE sql AS $$ SELECT '"called"'::jsonb $$;
CREATE PROCEDURE strict_handler(input jsonb) LANGUAGE plpgsql AS $$ DECLARE o jsonb; BEGIN CALL standin.step('null', 'teller.strict', NULL, o); END $$;
CREATE FUNCTION calls_step(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    ignored jsonb;
BEGIN
    BEGIN
        CALL standin.step('inner', 'teller.note', input, ignored);
    EXCEPTION WHEN OTHERS THEN
    END;
    RETURN '"swallowed"';
END $$;
CREATE FUNCTION who(input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('user', current_user, 'session', session_user) $$;

-- Transfers between two accounts: the usual case.
CREATE PROCEDURE transfer(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    debited jsonb;
    credited jsonb;
BEGIN
    CALL standin.step('debit', 'teller.move', jsonb_build_object('account', 1, 'amount', -(input->>'amount')::numeric), debited);
    CALL standin.step('credit', 'teller.move(jsonb)', jsonb_build_object('account', 2, 'amount', input->'amount'), credited);
    output := jsonb_build_object('from', debited->'balance', 'to', credited->'balance', 'id', standin.workflow_current());
END $$;
-- Reads, its own COMMIT and ROLLBACK without a write, loops, a null input and output, a write after the last step.
CREATE PROCEDURE allowed(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    n int;
BEGIN
    SELECT count(*) INTO n FROM teller.account;
    COMMIT;
    FOR n IN SELECT id FROM teller.account ORDER BY id LOOP
        CALL standin.step('loop', 'teller.note', jsonb_build_object('what', 'loop ' || n), result);
    END LOOP;
    ROLLBACK;
    CALL standin.step('null', 'teller.nothing', NULL, result);
    output := jsonb_build_object('nothing', result);
    CALL standin.step('not null', 'teller.nothing', '1', result);
    output := output || jsonb_build_object('called', result);
    INSERT INTO teller.effect VALUES ('after the last step');
END $$;
CREATE PROCEDURE in_exception(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('before', 'teller.note', '{"what": "before"}', result);
    BEGIN
        CALL standin.step('inside', 'teller.note', '{"what": "inside"}', result);
    EXCEPTION WHEN OTHERS THEN
        INSERT INTO teller.effect VALUES ('compensation');
    END;
END $$;
CREATE PROCEDURE in_exception_then_on(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    BEGIN
        CALL standin.step('inside', 'teller.note', '{"what": "inside"}', result);
    EXCEPTION WHEN OTHERS THEN
    END;
    COMMIT;
    CALL standin.step('later', 'teller.note', '{"what": "later"}', result);
END $$;
CREATE FUNCTION step_in_function() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('in a function', 'teller.note', '{"what": "in a function"}', result);
END $$;
CREATE PROCEDURE in_function(input jsonb) LANGUAGE plpgsql AS $$ BEGIN PERFORM teller.step_in_function(); END $$;
CREATE PROCEDURE in_execute(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    EXECUTE 'CALL standin.step(''dynamic'', ''teller.note'', $1, $2)' USING input, result;
END $$;
CREATE PROCEDURE in_handler(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('outer', 'teller.calls_step', '{"what": "nested"}', result);
END $$;
CREATE PROCEDURE writes_between(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('one', 'teller.note', '{"what": "one"}', result);
    INSERT INTO teller.effect VALUES ('between');
    CALL standin.step('two', 'teller.note', '{"what": "two"}', result);
END $$;
CREATE PROCEDURE locks_between(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    PERFORM FROM teller.account FOR UPDATE;
    CALL standin.step('one', 'teller.note', '{"what": "one"}', result);
END $$;
CREATE PROCEDURE commits_itself(input jsonb) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO teller.effect VALUES ('committed without a step');
    COMMIT;
END $$;
CREATE PROCEDURE retried(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('good', 'teller.note', '{"what": "good"}', result);
    CALL standin.step('bad', 'teller.fails', '{}', result, retries => 2);
    CALL standin.step('never', 'teller.note', '{"what": "never"}', result);
END $$;
CREATE PROCEDURE fails_at_commit(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('first', 'teller.fails_late', '{}', result);
    CALL standin.step('second', 'teller.fails_late', '{}', result, retries => 1);
END $$;
CREATE PROCEDURE missing_handler(input jsonb) LANGUAGE plpgsql AS $$ DECLARE r jsonb; BEGIN CALL standin.step('s', 'teller.nobody', '{}', r); END $$;
CREATE PROCEDURE wrong_handler(input jsonb) LANGUAGE plpgsql AS $$ DECLARE r jsonb; BEGIN CALL standin.step('s', 'teller.not_jsonb', '{}', r); END $$;
CREATE PROCEDURE forbidden_handler(input jsonb) LANGUAGE plpgsql AS $$ DECLARE r jsonb; BEGIN CALL standin.step('s', 'public.forbidden', '{}', r); END $$;
CREATE PROCEDURE null_name(input jsonb) LANGUAGE plpgsql AS $$ DECLARE r jsonb; BEGIN CALL standin.step(NULL, 'teller.note', '{}', r); END $$;
CREATE PROCEDURE empty_name(input jsonb) LANGUAGE plpgsql AS $$ DECLARE r jsonb; BEGIN CALL standin.step('', 'teller.note', '{}', r); END $$;
CREATE PROCEDURE no_steps(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$ BEGIN output := input; END $$;
CREATE PROCEDURE raises(input jsonb) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO teller.effect VALUES ('rolled back'); PERFORM 1 / 0; END $$;
-- Whoever runs in the executor is the submitter and nobody else.
CREATE PROCEDURE escapes(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    attempt text;
BEGIN
    output := '{}';
    FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT', 'RESET SESSION AUTHORIZATION'] LOOP
        EXECUTE attempt;
        BEGIN
            PERFORM FROM pg_authid;
            output := output || jsonb_build_object(attempt, 'reads pg_authid');
        EXCEPTION WHEN insufficient_privilege THEN
            output := output || jsonb_build_object(attempt, 'gains nothing');
        END;
    END LOOP;
    FOREACH attempt IN ARRAY ARRAY['SET ROLE standin_owner', 'SET SESSION AUTHORIZATION standin_owner',
                                   'SELECT count(*) FROM standin_private.workflow_run',
                                   'SELECT standin_private.workflow_finish(standin.workflow_current(), 1, ''completed'', ''1'', NULL)',
                                   'SET session_replication_role = replica'] LOOP
        BEGIN
            EXECUTE attempt;
            output := output || jsonb_build_object(attempt, 'allowed');
        EXCEPTION WHEN insufficient_privilege THEN
            output := output || jsonb_build_object(attempt, 'denied');
        END;
    END LOOP;
    CALL standin.step('as whom', 'teller.who', '{}', result);
    output := output || jsonb_build_object('handler', result);
    CALL standin.step('whose tables', 'teller.reads_private', '{}', result);
    output := output || jsonb_build_object('private tables from a handler', result);
END $$;
CREATE FUNCTION reads_private(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM standin_private.workflow_run;
    RETURN '"read"';
EXCEPTION WHEN insufficient_privilege THEN
    RETURN '"denied"';
END $$;
-- Settings, temporary tables and the like end with the workflow that made them.
CREATE PROCEDURE leaves(input jsonb) LANGUAGE plpgsql AS $$
BEGIN
    SET search_path = nowhere;
    SET default_transaction_read_only = on;
    PERFORM pg_catalog.pg_advisory_lock(1);
    CREATE TEMP TABLE left_behind () ON COMMIT PRESERVE ROWS;
END $$;
CREATE PROCEDURE finds(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
BEGIN
    output := jsonb_build_object('table', to_regclass('pg_temp.left_behind'), 'path', current_setting('search_path'),
        'read only', current_setting('default_transaction_read_only'),
        'locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
        'name', current_setting('application_name'));
END $$;
CREATE PROCEDURE read_only_from_now(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    SET default_transaction_read_only = on;
    COMMIT;
    CALL standin.step('write', 'teller.note', '{"what": "read only"}', result);
END $$;

-- Definitions are for administrators.
SELECT standin.workflow_define('transfer', 'teller.transfer(jsonb, jsonb)');
RESET SESSION AUTHORIZATION;
SELECT DISTINCT standin.workflow_define(p.proname, p.oid::regprocedure) FROM pg_proc p
 WHERE p.prokind = 'p' AND p.pronamespace = 'teller'::regnamespace;

-- Outside an executor there are no steps.
SET SESSION AUTHORIZATION workflow_teller;
DO $$ DECLARE r jsonb; BEGIN CALL standin.step('s', 'teller.note', '{}', r); END $$;
SELECT standin.workflow_current(), standin.step_key();

-- One statement starts them, in the caller's transaction; another role may not reuse their ids.
BEGIN;
SELECT standin.workflow_start('transfer', 'never committed', '{"amount": 10}');
SELECT * FROM standin.workflow_result('never committed', '1 s');
ROLLBACK;
SELECT standin.workflow_start('transfer', 'transfer', '{"amount": 10}');
SELECT standin.workflow_start('transfer', 'transfer', '{"amount": 10.0}') AS "the same again";
SELECT standin.workflow_start('transfer', 'transfer', '{"amount": 11}');
SELECT standin.workflow_start('no_steps', 'transfer', '{"amount": 10}');
SELECT standin.workflow_start('unknown', 'u', '{}');
SELECT standin.workflow_start(NULL, 'u', '{}');
CALL standin.workflow_wait('transfer', '30 s');
SELECT * FROM account ORDER BY id;
SELECT seq, name, status, output, attempts FROM standin.workflow_steps WHERE workflow_id = 'transfer' ORDER BY seq;
SELECT * FROM effect ORDER BY what;
TRUNCATE effect;

SELECT count(standin.workflow_start(name, name, '{}')) FROM unnest(ARRAY['allowed', 'in_exception', 'in_exception_then_on',
    'in_function', 'in_execute', 'in_handler', 'writes_between', 'locks_between', 'commits_itself', 'retried', 'fails_at_commit',
    'missing_handler', 'wrong_handler', 'forbidden_handler', 'null_name', 'empty_name', 'no_steps', 'raises', 'escapes', 'leaves', 'strict_handler',
    'read_only_from_now']) AS name;
DO $$ BEGIN
    FOR i IN 1..600 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM standin.workflows WHERE status IN ('pending', 'running', 'sleeping'));
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
SELECT status, count(*) FROM standin.workflows GROUP BY 1 ORDER BY 1;
-- What does not fit is blocked, until somebody mends it.
SELECT workflow_id, error->>'sqlstate' AS sqlstate, error->>'message' AS message, error ? 'hint' AS hint
  FROM standin.workflows WHERE status = 'blocked' ORDER BY workflow_id COLLATE "C";
SELECT standin.workflow_start('finds', 'finds');
CALL standin.workflow_wait('finds', '30 s');
SELECT workflow_id, jsonb_pretty(output) AS output FROM standin.workflows WHERE status = 'completed' ORDER BY workflow_id COLLATE "C";
SELECT workflow_id, error->>'sqlstate' AS sqlstate, error->>'message' AS message, error ? 'hint' AS hint
  FROM standin.workflows WHERE status = 'failed' ORDER BY workflow_id COLLATE "C";
SELECT workflow_id, seq, name, status, output, error->>'message' AS error, attempts FROM standin.workflow_steps
 WHERE workflow_id <> 'transfer' ORDER BY workflow_id COLLATE "C", seq;
SELECT what FROM effect ORDER BY what COLLATE "C";

-- Who cannot log in has no executor; who may not execute the procedure cannot start it.
SET SESSION AUTHORIZATION workflow_nologin;
SELECT standin.workflow_start('transfer', 'of nobody', '{}');
SELECT * FROM standin.workflow_result('transfer');
SELECT count(*) FROM standin.workflows;
SELECT count(*) FROM standin.workflow_steps;
RESET SESSION AUTHORIZATION;
ALTER ROLE workflow_nologin LOGIN;
REVOKE ALL ON PROCEDURE teller.transfer FROM PUBLIC;
SET SESSION AUTHORIZATION workflow_nologin;
SELECT standin.workflow_start('transfer', 'forbidden', '{}');

SET SESSION AUTHORIZATION workflow_teller;
CREATE OR REPLACE PROCEDURE no_steps(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$ BEGIN output := '"new"'; END $$;
-- It runs as it was defined, until it is defined again.
SELECT standin.workflow_start('no_steps', 'replaced', '{}');
RESET SESSION AUTHORIZATION;
SELECT standin.workflow_define('no_steps', 'teller.no_steps(jsonb, jsonb)');
SELECT standin.workflow_define('no_steps', 'teller.no_steps(jsonb, jsonb)') AS "unchanged";
SET SESSION AUTHORIZATION workflow_teller;
SELECT standin.workflow_start('no_steps', 'redefined', '{}');
CALL standin.workflow_wait('replaced', '30 s');
CALL standin.workflow_wait('redefined', '30 s');
DROP PROCEDURE no_steps;
SELECT standin.workflow_start('no_steps', 'dropped', '{}');

-- A wait that cannot let go of its transaction is refused.
BEGIN;
CALL standin.workflow_wait('replaced', '1 s');
ROLLBACK;
SELECT standin.workflow_result('replaced', '2 min');
SELECT standin.workflow_result('replaced', '-1 s');
SELECT standin.workflow_result('nobody');

-- Nothing of this stays: the next tests find no executor.
RESET SESSION AUTHORIZATION;
RESET search_path;
DELETE FROM standin_private.workflow_role;
SELECT standin_private.wake('supervisor');
