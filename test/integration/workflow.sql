-- What test_workflow.py runs on: a role, handlers that leave a countable effect, and procedures.
CREATE EXTENSION pg_standin;
CREATE ROLE teller LOGIN;
GRANT standin_app TO teller;
GRANT CREATE ON SCHEMA public TO teller;

SET SESSION AUTHORIZATION teller;
CREATE TABLE effect (workflow_id text, seq int, proof uuid DEFAULT gen_random_uuid());
CREATE TABLE gate (workflow_id text PRIMARY KEY);
CREATE TABLE decision (name text);
INSERT INTO decision VALUES ('as planned');

-- One row a call. Were a recorded step run again, there would be two.
CREATE FUNCTION effect(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM pg_sleep((input->>'pause')::float);
    INSERT INTO public.effect (workflow_id, seq)
    VALUES (standin.workflow_current(), regexp_replace(standin.step_key(), '.*:', '')::int) RETURNING proof INTO made;
    RETURN jsonb_build_object('proof', made);
END $$;
-- The same, but waits until the gate for this workflow, that a test's open transaction holds, is gone.
CREATE FUNCTION gated(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.effect(input);
    INSERT INTO public.gate VALUES (standin.workflow_current());
    DELETE FROM public.gate WHERE workflow_id = standin.workflow_current();
    RETURN input;
END $$;
CREATE PROCEDURE chain(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    FOR i IN 1..(input->>'steps')::int LOOP
        CALL standin.step('link', 'public.effect', jsonb_build_object('i', i, 'pause', input->'pause'), result);
    END LOOP;
    output := jsonb_build_object('steps', input->'steps', 'user', current_user, 'session', session_user);
END $$;
CREATE PROCEDURE gated_chain(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('before', 'public.effect', '{}', result);
    CALL standin.step('gated', 'public.gated', '{}', result);
    CALL standin.step('after', 'public.effect', '{}', result);
END $$;
CREATE PROCEDURE undecided(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    decided text := (SELECT name FROM public.decision);
BEGIN
    CALL standin.step(decided, 'public.effect', '{}', result);
    CALL standin.step('gated', 'public.gated', '{}', result);
END $$;
CREATE PROCEDURE versioned(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$ BEGIN output := '1'; END $$;
CREATE PROCEDURE deadly(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('harmless', 'public.effect', '{}', result);
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(60);
END $$;
RESET SESSION AUTHORIZATION;

SELECT standin.workflow_define(p.proname, p.oid::regprocedure, CASE p.proname WHEN 'deadly' THEN 1 ELSE 5 END)
  FROM pg_proc p WHERE p.prokind = 'p' AND p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) = 'teller';
SELECT standin.workflow_define('loan');
