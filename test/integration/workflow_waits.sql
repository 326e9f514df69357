-- What test_workflow_waits.py runs on.
CREATE EXTENSION pg_standin;
CREATE ROLE teller LOGIN;
CREATE ROLE officer LOGIN;
CREATE ROLE stranger LOGIN;
CREATE ROLE operator LOGIN;
GRANT standin_app TO teller, officer, stranger;
GRANT standin_operator TO operator;
GRANT CREATE ON SCHEMA public TO teller;

SET SESSION AUTHORIZATION teller;
CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY, workflow_id text, key text, what text, seen text);
CREATE TABLE trouble (workflow_id text PRIMARY KEY, attempts int NOT NULL, sqlstate text NOT NULL);
GRANT SELECT ON effect, trouble TO PUBLIC;
CREATE SEQUENCE ticket;

CREATE FUNCTION effect(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.effect (workflow_id, key, what) VALUES (standin.workflow_current(), standin.step_key(), input #>> '{}');
    RETURN input;
END $$;
-- Fails as often as the table says, each time after it has done something that must be undone.
CREATE FUNCTION troubled(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    t public.trouble := (SELECT x FROM public.trouble x WHERE x.workflow_id = standin.workflow_current());
BEGIN
    PERFORM public.effect(input);
    IF (SELECT coalesce(sum(s.attempts), 0) FROM standin.workflow_steps s WHERE s.workflow_id = standin.workflow_current() AND s.status = 'failed')
       < t.attempts THEN
        RAISE EXCEPTION 'trouble' USING ERRCODE = t.sqlstate;
    END IF;
    RETURN input;
END $$;
CREATE FUNCTION slow(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN input; END $$;
CREATE FUNCTION start_child(input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(standin.workflow_start('reminder', standin.step_key(), input)) $$;

CREATE PROCEDURE sleeper(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
BEGIN
    CALL standin.step('before', 'public.effect', '"before"', output);
    CALL standin.sleep('a month', (input->>'duration')::interval);
    CALL standin.step('after', 'public.effect', '"after"', output);
END $$;
CREATE PROCEDURE until(input jsonb) LANGUAGE plpgsql AS $$ BEGIN CALL standin.sleep_until('then', (input->>'until')::timestamptz); END $$;
CREATE PROCEDURE reminder(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    reply jsonb;
BEGIN
    CALL standin.recv('reply', (input->>'timeout')::interval, reply);
    IF reply IS NULL THEN
        CALL standin.step('remind', 'public.effect', '"reminded"', output);
        CALL standin.recv('reply', NULL, reply);
    END IF;
    output := jsonb_build_object('reply', reply);
END $$;
CREATE PROCEDURE parent(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    child jsonb;
BEGIN
    CALL standin.step('start', 'public.start_child', input, child);
    CALL standin.await_workflow(child #>> '{}', output);
END $$;
CREATE PROCEDURE teller_of_news(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    ask jsonb;
BEGIN
    CALL standin.event_set('news', '1');
    CALL standin.recv('go', NULL, ask);
    CALL standin.event_set('news', '2');
    CALL standin.event_set('end', '"said"');
END $$;
CREATE PROCEDURE listener(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
BEGIN
    CALL standin.await_event(input->>'of', input->>'name', (input->>'timeout')::interval, output);
END $$;
CREATE PROCEDURE troubled(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    classes text[] := (SELECT array_agg(x) FROM jsonb_array_elements_text(input->'retry_on') x);
BEGIN
    CALL standin.step('troubled', 'public.troubled', '"done"', output, retries => (input->>'retries')::int, backoff => '1 min',
                      maximum_backoff => '3 min', retry_on => classes,
                      on_error => coalesce(input->>'on_error', 'raise'));
END $$;
CREATE PROCEDURE timed(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
BEGIN
    CALL standin.step('slow', 'public.slow', '1', output, timeout => '100 ms', on_error => 'return');
END $$;
CREATE PROCEDURE stuck(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$ BEGIN CALL standin.step('slow', 'public.slow', '1', output); END $$;
CREATE PROCEDURE noted(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    a jsonb; b jsonb; c jsonb; d jsonb;
BEGIN
    CALL standin.value('a', 'now', a);
    CALL standin.value('b', 'random', b);
    CALL standin.value('c', 'uuid', c);
    CALL standin.value('d', 'public.ticket', d);
    CALL standin.sleep('pause', '1 hour');
    output := jsonb_build_array(a, b, c, d);
END $$;
CREATE PROCEDURE endless(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    LOOP
        CALL standin.step('again', 'public.effect', '"again"', result);
    END LOOP;
END $$;

-- A transfer whose parts can be undone.
CREATE FUNCTION undo(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM public.trouble t WHERE t.workflow_id = standin.workflow_current() AND t.sqlstate = 'undo') THEN
        RAISE EXCEPTION 'cannot be undone yet';
    END IF;
    INSERT INTO public.effect (workflow_id, key, what)
    VALUES (standin.workflow_current(), standin.step_key(), 'undo ' || (input->>'output'));
    RETURN input;
END $$;
CREATE FUNCTION refuse(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0001'; END $$;
CREATE PROCEDURE transfer(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
BEGIN
    CALL standin.step('debit', 'public.effect', '"debit"', output, compensate => 'public.undo');
    CALL standin.step('fee', 'public.effect', '"fee"', output);
    CALL standin.step('credit', 'public.effect', '"credit"', output, compensate => 'public.undo');
    CALL standin.sleep('clearing', '1 day');
    CALL standin.step('report', COALESCE(input->>'report', 'public.refuse'), '1', output);
END $$;

-- Each leaves something in the session, which a later step must not find.
CREATE TABLE setting (value text);
CREATE FUNCTION leave(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.left', 'set by step 1', false);
    SET work_mem = '77MB';
    SET ROLE standin_app;
    RESET ROLE;
    PERFORM set_config('role', 'standin_app', false);
    PERFORM set_config('search_path', 'pg_temp', false);
    CREATE TEMPORARY TABLE left_over (x int);
    INSERT INTO left_over VALUES (1);
    PERFORM pg_advisory_lock(4711);
    EXECUTE 'PREPARE left_statement AS SELECT 1';
    RETURN '1';
END $$;
CREATE FUNCTION look(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_build_object('setting', nullif(current_setting('app.left', true), ''), 'user', current_user, 'work_mem', current_setting('work_mem'),
        'table', to_regclass('left_over'), 'locks', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
        'statements', (SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_statement'), 'path', current_setting('search_path'));
END $$;
CREATE FUNCTION strict(input jsonb) RETURNS jsonb STRICT LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE leaving(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    first jsonb;
    second jsonb;
BEGIN
    CALL standin.step('look', 'public.look', '1', first);
    CALL standin.step('leave', 'public.leave', '1', output);
    CALL standin.step('look', 'public.look', '1', second);
    output := jsonb_build_array(first, second);
END $$;
-- Pauses the workflow in the very commit of its step.
CREATE TABLE pausing (workflow_id text);
CREATE FUNCTION pause_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM standin.workflow_pause(NEW.workflow_id, 'at the commit'); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER pause_now AFTER INSERT ON pausing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pause_now();
CREATE FUNCTION pause_at_commit(input jsonb) RETURNS jsonb LANGUAGE sql AS $$ INSERT INTO public.pausing VALUES (standin.workflow_current()) RETURNING '1'::jsonb $$;
CREATE PROCEDURE paused_reader(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
BEGIN
    CALL standin.step('pause', 'public.pause_at_commit', '1', output);
    CALL standin.event_set('read', '1');
    CALL standin.recv('reply', NULL, output);
END $$;
CREATE FUNCTION die(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN '1'; END $$;
CREATE PROCEDURE deadly(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
BEGIN
    CALL standin.step('debit', 'public.effect', '"debit"', output, compensate => 'public.undo');
    CALL standin.step('die', 'public.die', '1', output);
END $$;
RESET SESSION AUTHORIZATION;

SELECT standin.workflow_define(p.proname, p.oid::regprocedure, step_limit => CASE p.proname WHEN 'endless' THEN 7 END,
                               recovery_limit => CASE p.proname WHEN 'deadly' THEN 1 END)
  FROM pg_proc p WHERE p.prokind = 'p' AND p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) = 'teller';
SELECT standin.workflow_define('loan');
SELECT standin.workflow_define('other');
