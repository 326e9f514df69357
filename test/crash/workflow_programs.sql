-- A procedure that runs any program: what test_workflow_programs.py makes up.
CREATE EXTENSION pg_standin;
CREATE ROLE teller LOGIN;
GRANT standin_app TO teller;
GRANT CREATE ON SCHEMA public TO teller;
SET SESSION AUTHORIZATION teller;
CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY, workflow_id text, what text, key text);

CREATE FUNCTION do_it(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.effect (workflow_id, what, key) VALUES (standin.workflow_current(), input->>'what', standin.step_key());
    RETURN input->'what';
END $$;
CREATE FUNCTION undo_it(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.effect (workflow_id, what, key)
    VALUES (standin.workflow_current(), 'undo ' || (input #>> '{input,what}'), standin.step_key());
    RETURN '1';
END $$;
-- What it did before it failed must not be seen.
CREATE FUNCTION fail_it(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.do_it(input);
    RAISE EXCEPTION 'as planned' USING ERRCODE = input->>'sqlstate';
END $$;
CREATE FUNCTION start_it(input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(standin.workflow_start('program', input->>'id', input->'program')) $$;

CREATE PROCEDURE program(input jsonb, INOUT output jsonb) LANGUAGE plpgsql AS $$
DECLARE
    op jsonb;
    answer jsonb;
    answers jsonb := '[]';
BEGIN
    FOR op IN SELECT value FROM jsonb_array_elements(input) LOOP
        answer := NULL;
        CASE op->>'op'
            WHEN 'step' THEN CALL standin.step('step', 'public.do_it', op, answer);
            WHEN 'undoable' THEN CALL standin.step('undoable', 'public.do_it', op, answer, compensate => 'public.undo_it');
            WHEN 'forgiven' THEN
                CALL standin.step('forgiven', 'public.fail_it', op, answer, on_error => 'return');
                answer := answer #> '{error,sqlstate}';
            WHEN 'fail' THEN CALL standin.step('fail', 'public.fail_it', op, answer);
            WHEN 'sleep' THEN CALL standin.sleep('sleep', (op->>'for')::interval);
            WHEN 'recv' THEN CALL standin.recv(op->>'topic', '1 year', answer);
            WHEN 'miss' THEN CALL standin.recv('never', '30 minutes', answer);
            WHEN 'tell' THEN CALL standin.event_set('said', op->'what');
            WHEN 'note' THEN
                CALL standin.value('note', op->>'kind', answer);
                answer := 'null';
            WHEN 'child' THEN
                CALL standin.step('child', 'public.start_it', op, answer);
                CALL standin.await_workflow(op->>'id', answer);
                answer := answer - 'error';
        END CASE;
        answers := answers || jsonb_build_array(answer);
    END LOOP;
    output := answers;
END $$;
RESET SESSION AUTHORIZATION;
SELECT standin.workflow_define('program', 'program(jsonb, jsonb)', recovery_limit => 1000);
