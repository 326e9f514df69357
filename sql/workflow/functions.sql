CREATE FUNCTION standin_private.workflow_caller() RETURNS oid
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'standin_workflow_caller';
COMMENT ON FUNCTION standin_private.workflow_caller() IS
    'The role that the session acts as (SET ROLE counts), seen from inside a SECURITY DEFINER function.';

CREATE FUNCTION standin_private.workflow_input_hash(input jsonb) RETURNS bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'standin_workflow_input_hash';
COMMENT ON FUNCTION standin_private.workflow_input_hash(jsonb) IS 'What the step log keeps of a step''s input.';

-- What both forms share ------------------------------------------------------------------------------------------------

CREATE FUNCTION standin_private.workflow_flush() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_flush';
COMMENT ON FUNCTION standin_private.workflow_flush() IS 'This transaction''s commit waits for its flush, whatever synchronous_commit says.';

CREATE FUNCTION standin.workflow_define(name text, procedure regprocedure DEFAULT NULL, recovery_limit integer DEFAULT NULL,
                                        step_limit integer DEFAULT NULL)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source record;
    wanted standin_private.workflow_definition;
    latest standin_private.workflow_definition;
BEGIN
    PERFORM standin_private.argument_require('name', workflow_define.name);
    PERFORM standin_private.caller();
    IF workflow_define.procedure IS NOT NULL THEN
        SELECT format('%I.%I', n.nspname, p.proname) AS qualified, p.prokind, p.prosecdef, p.proconfig, l.lanname,
               p.proargtypes::text AS argument_types, p.proargmodes[2] IS NOT DISTINCT FROM 'b' AS returns_output,
               'o' = ANY (coalesce(p.proargmodes, '{}')) OR 'v' = ANY (coalesce(p.proargmodes, '{}')) AS unfit
          INTO STRICT source
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
         WHERE p.oid = workflow_define.procedure;
        IF source.prokind <> 'p' OR source.lanname <> 'plpgsql' THEN
            RAISE EXCEPTION '% is not a PL/pgSQL procedure', workflow_define.procedure USING ERRCODE = 'wrong_object_type';
        END IF;
        IF source.unfit OR NOT (source.argument_types = '3802' OR source.argument_types = '3802 3802' AND source.returns_output) THEN
            RAISE EXCEPTION 'procedure % has the wrong parameters for a workflow', workflow_define.procedure
                USING ERRCODE = 'invalid_function_definition',
                      HINT = 'Declare it as (input jsonb) or (input jsonb, INOUT output jsonb).';
        END IF;
        IF source.prosecdef OR source.proconfig IS NOT NULL THEN
            RAISE EXCEPTION 'procedure % cannot commit between steps', workflow_define.procedure
                USING ERRCODE = 'invalid_function_definition',
                      DETAIL = 'PostgreSQL lets no SECURITY DEFINER procedure and none with a SET clause commit.',
                      HINT = 'Put SECURITY DEFINER or SET on the handlers of its steps.';
        END IF;
        wanted.procedure := source.qualified;
        wanted.source_hash := standin_private.workflow_source_hash(workflow_define.procedure);
        wanted.returns_output := source.returns_output;
    END IF;
    PERFORM standin_private.instance_bind_first();
    LOCK TABLE standin_private.workflow_definition IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO latest FROM standin_private.workflow_definition d
     WHERE d.name = workflow_define.name ORDER BY d.version DESC LIMIT 1;
    IF workflow_define.procedure IS NULL THEN -- what is not given stays
        wanted.procedure := latest.procedure;
        wanted.source_hash := latest.source_hash;
        wanted.returns_output := coalesce(latest.returns_output, false);
    END IF;
    wanted.recovery_limit := coalesce(workflow_define.recovery_limit, latest.recovery_limit, 10);
    wanted.step_limit := coalesce(workflow_define.step_limit, latest.step_limit, 10000);
    IF (latest.procedure, latest.source_hash, latest.returns_output, latest.recovery_limit, latest.step_limit) IS NOT DISTINCT FROM
       (wanted.procedure, wanted.source_hash, wanted.returns_output, wanted.recovery_limit, wanted.step_limit) THEN
        RETURN latest.version;
    END IF;
    IF workflow_define.procedure IS NOT NULL AND (wanted.procedure, wanted.source_hash) IS DISTINCT FROM (latest.procedure, latest.source_hash) THEN
        wanted.code := standin_private.workflow_pin(workflow_define.procedure);
    ELSE
        wanted.code := latest.code;
    END IF;
    INSERT INTO standin_private.workflow_definition (name, version, procedure, returns_output, source_hash, recovery_limit, step_limit, code)
    VALUES (workflow_define.name, coalesce(latest.version, 0) + 1, wanted.procedure, wanted.returns_output,
            wanted.source_hash, wanted.recovery_limit, wanted.step_limit, wanted.code);
    RETURN coalesce(latest.version, 0) + 1;
END $$;
COMMENT ON FUNCTION standin.workflow_define(text, regprocedure, integer, integer) IS
    'Defines a workflow, or its next version if anything about it changed, and returns the version. What is not given stays. With a PL/pgSQL procedure (input jsonb [, INOUT output jsonb]) it runs inside the database; a new one without it is claimed by application workers. The version keeps a copy of that procedure, so that what is done to the procedure reaches new starts only, and by the next workflow_define. A workflow that was recovered recovery_limit times in a row without a new step is declared dead; one that has recorded step_limit steps (10,000) is blocked. Errors: 22004 no name, 42809 not a PL/pgSQL procedure, 42P13 other parameters, or a procedure that cannot commit';

CREATE FUNCTION standin.workflow_start(name text, id text DEFAULT NULL, input jsonb DEFAULT NULL, start_at timestamptz DEFAULT NULL)
RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_start';
COMMENT ON FUNCTION standin.workflow_start(text, text, jsonb, timestamptz) IS
    'Starts a workflow in the caller''s transaction and returns its id. The id is the idempotency key: starting again with the same name and input changes nothing, another name or input is an error. Without an id one is made. start_at: not before that time. What the handler of a step starts is a child of its workflow. Errors: 42704 not defined, 42501 the role cannot run it, 23505 the id is another workflow''s';

CREATE FUNCTION standin_private.workflow_finish(id text, token bigint, status text, output jsonb, error jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    starter text;
BEGIN
    -- Who was told that it is cancelled is not told otherwise.
    DELETE FROM standin_private.workflow_task t WHERE t.workflow_id = id AND t.token = workflow_finish.token
       AND NOT (workflow_finish.status = 'completed' AND coalesce(t.control->>'action' = 'cancel', false));
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE standin_private.workflow_run r
       SET status = workflow_finish.status, token = workflow_finish.token, output = workflow_finish.output,
           error = workflow_finish.error, finished_at = standin_private.clock_now()
     WHERE r.workflow_id = id RETURNING r.parent INTO starter;
    IF starter IS NOT NULL OR EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.waiting_for = 'workflow ' || id) THEN
        PERFORM standin_private.workflow_signal('workflow ' || id, NULL);
    END IF;
    IF workflow_finish.status = 'cancelled' THEN -- what it started since it was told
        PERFORM standin_private.workflow_cancel_children(id, workflow_finish.error);
    END IF;
    PERFORM standin_private.wake('ticket');
    PERFORM standin_private.workflow_flush();
    RETURN true;
END $$;
COMMENT ON FUNCTION standin_private.workflow_finish(text, bigint, text, jsonb, jsonb) IS
    'Ends an open workflow that is held under the token; false if it is not.';

CREATE FUNCTION standin_private.workflow_lease(id text, worker text, holder oid, until timestamptz)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    reached integer;
    stalled integer;
    recoveries integer;
    because jsonb;
BEGIN
    SELECT * INTO STRICT task FROM standin_private.workflow_task t WHERE t.workflow_id = id;
    reached := 0;
    stalled := 0;
    IF task.token > 0 OR task.suspended THEN
        SELECT coalesce(max(s.seq), 0) INTO reached FROM standin_private.workflow_step s WHERE s.workflow_id = id;
        IF reached = task.progress AND NOT task.suspended THEN
            stalled := task.stalls + 1;
        END IF;
    END IF;
    UPDATE standin_private.workflow_task t
       SET token = t.token + 1, worker = workflow_lease.worker, claimed_by = pg_get_userbyid(holder), available_at = until, progress = reached, stalls = stalled,
           claimed_at = standin_private.clock_now(), waiting = NULL, suspended = false
     WHERE t.workflow_id = id;
    IF stalled > 0 THEN
        SELECT d.recovery_limit INTO STRICT recoveries
          FROM standin_private.workflow_run r JOIN standin_private.workflow_definition d USING (name, version)
         WHERE r.workflow_id = id;
        IF stalled > recoveries THEN
            because := jsonb_build_object(
                'message', format('recovered %s times in a row without a new step', recoveries), 'step', reached + 1,
                'worker', task.worker, 'last_error', task.last_error);
            IF task.ending IS NOT NULL THEN -- half undone is nothing to give up
                UPDATE standin_private.workflow_task t SET waiting = 'blocked', available_at = 'infinity', worker = NULL, stalls = 0,
                       suspended = true, last_error = because WHERE t.workflow_id = id;
            ELSIF standin_private.workflow_conclude(id, task.token + 1, 'dead', because) THEN
                RETURN NULL;
            ELSE -- what it did is undone first
                UPDATE standin_private.workflow_task t SET stalls = 0 WHERE t.workflow_id = id;
                RETURN task.token + 1;
            END IF;
            RETURN NULL;
        END IF;
    END IF;
    RETURN task.token + 1;
END $$;
COMMENT ON FUNCTION standin_private.workflow_lease(text, text, oid, timestamptz) IS
    'Gives a task, whose row the caller has locked, to a worker under a new token; NULL if it has exceeded its recovery limit and is now dead.';

-- The in-database form: what the executor asks -------------------------------------------------------------------------

CREATE FUNCTION standin_private.workflow_recover(role oid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    recovered bigint;
BEGIN
    UPDATE standin_private.workflow_task t SET available_at = '-infinity', worker = NULL
     WHERE t.form = 'database' AND t.submitter = pg_get_userbyid(role) AND t.available_at = 'infinity' AND t.waiting IS NULL;
    GET DIAGNOSTICS recovered = ROW_COUNT;
    RETURN recovered;
END $$;
COMMENT ON FUNCTION standin_private.workflow_recover(oid) IS
    'Called by the one executor of a role while it runs nothing: whatever is taken was taken by a predecessor, and is to be taken again.';

-- The planner is told what it cannot know from a cached plan: the scan over the index stops at the first row.
CREATE FUNCTION standin_private.workflow_take(role oid, executor text)
RETURNS TABLE (workflow_id text, token bigint, recorded integer, name text, version integer, procedure text,
               returns_output boolean, changed boolean, input jsonb, step_limit integer, wait_seq integer, wait_until timestamptz,
               ending jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    found_id text;
    given bigint;
    pinned record;
BEGIN
    LOOP
        SELECT t.workflow_id INTO found_id FROM standin_private.workflow_task t
         WHERE t.form = 'database' AND t.submitter = pg_get_userbyid(role) AND t.available_at <= standin_private.clock_now()
         ORDER BY t.available_at, t.seq LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            -- What is taken while its one executor asks for work is nobody's: restored from a dump, for example.
            IF standin_private.workflow_recover(role) = 0 THEN
                RETURN;
            END IF;
            CONTINUE;
        END IF;
        given := standin_private.workflow_lease(found_id, executor, role, 'infinity');
        CONTINUE WHEN given IS NULL;
        -- What was asked for while an executor had it that is gone.
        UPDATE standin_private.workflow_task t
           SET control = NULL, ending = CASE WHEN t.control->>'action' = 'cancel' THEN
                   coalesce(t.ending, jsonb_build_object('status', 'cancelled', 'error', t.control->'error')) ELSE t.ending END,
               waiting = CASE WHEN t.control->>'action' = 'pause' THEN 'paused' END,
               available_at = 'infinity', worker = CASE WHEN t.control->>'action' = 'pause' THEN NULL ELSE t.worker END,
               suspended = t.control->>'action' = 'pause'
         WHERE t.workflow_id = found_id AND t.control IS NOT NULL;
        EXIT WHEN NOT EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.workflow_id = found_id AND t.waiting IS NOT NULL);
    END LOOP;
    SELECT r.name, r.version, d.code INTO STRICT pinned FROM standin_private.workflow_run r
      JOIN standin_private.workflow_definition d USING (name, version) WHERE r.workflow_id = found_id;
    IF pinned.code IS NULL THEN
        PERFORM standin_private.workflow_pin_late(pinned.name, pinned.version);
    END IF;
    RETURN QUERY
        SELECT r.workflow_id, given, t.progress, d.name, d.version, coalesce(d.code, d.procedure), d.returns_output,
               d.source_hash IS DISTINCT FROM standin_private.workflow_source_hash(
                   standin_private.workflow_procedure(coalesce(d.code, d.procedure), d.returns_output)),
               r.input, d.step_limit, t.wait_seq, t.wait_until, t.ending
          FROM standin_private.workflow_run r
          JOIN standin_private.workflow_task t ON t.workflow_id = r.workflow_id
          JOIN standin_private.workflow_definition d ON d.name = r.name AND d.version = r.version
         WHERE r.workflow_id = found_id;
END $$;
COMMENT ON FUNCTION standin_private.workflow_take(oid, text) IS
    'Takes the next in-database workflow of a role for its executor: no row, or one.';

CREATE FUNCTION standin_private.workflow_release(id text, token bigint, error jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The first time at once, then after 1, 3, 7 s... while it gets no further; recovery_limit is the end of that.
    UPDATE standin_private.workflow_task t
       SET available_at = CASE WHEN t.stalls = 0 THEN '-infinity'
                               ELSE standin_private.clock_now() + make_interval(secs => least(60, power(2, least(t.stalls, 6)) - 1)) END,
           waiting = CASE WHEN t.stalls > 0 THEN 'retry' END, worker = NULL, last_error = coalesce(error, t.last_error)
     WHERE t.workflow_id = id AND t.token = workflow_release.token AND t.waiting IS NULL AND t.available_at = 'infinity';
    PERFORM standin_private.workflow_dispatcher_wake();
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION standin_private.workflow_release(text, bigint, jsonb) IS
    'Gives a taken workflow back, to be resumed: after an error that only asks for another try.';

CREATE FUNCTION standin_private.workflow_conclude(id text, token bigint, status text, error jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM standin_private.workflow_compensation c WHERE c.workflow_id = id AND c.done_at IS NULL) THEN
        UPDATE standin_private.workflow_task t
           SET ending = jsonb_build_object('status', status, 'error', coalesce(CASE WHEN status = 'cancelled' THEN t.control->'error' END, error)), control = NULL
         WHERE t.workflow_id = id AND t.token = workflow_conclude.token;
        RETURN NOT FOUND;
    END IF;
    PERFORM standin_private.workflow_finish(id, token, status, NULL, coalesce(
        (SELECT t.control->'error' FROM standin_private.workflow_task t WHERE t.workflow_id = id AND status = 'cancelled'), error));
    RETURN true;
END $$;
COMMENT ON FUNCTION standin_private.workflow_conclude(text, bigint, text, jsonb) IS
    'Ends a workflow that does not complete; false if what it did is to be undone first.';

CREATE PROCEDURE standin.step(name text, handler text, input jsonb, INOUT output jsonb, retries integer DEFAULT 0,
                              backoff interval DEFAULT '1 s', maximum_backoff interval DEFAULT '5 min', retry_on text[] DEFAULT NULL,
                              timeout interval DEFAULT NULL, on_error text DEFAULT 'raise', compensate text DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_step';
COMMENT ON PROCEDURE standin.step(text, text, jsonb, jsonb, integer, interval, interval, text[], interval, text, text) IS
    'One step of an in-database workflow: runs the handler, a function(jsonb) returning jsonb, and commits its effect together with the record. After a crash a recorded step returns its output without running. Called in the workflow''s procedure only, outside any block with EXCEPTION. A handler that fails is tried again up to `retries` times, if retry_on (SQLSTATEs or their first two characters; null: any) has its error; errors that are nobody''s fault (classes 08, 40, 53, 57P01, 55P03, a cancel by an operator) up to 20 times in any case. The first retry follows after backoff, each other after twice the time, at most maximum_backoff; meanwhile the workflow holds no worker. timeout ends an attempt (57014). on_error => ''return'': what fails for good is recorded, with {"error": ...} as output, and the workflow goes on. compensate: a handler that undoes the step, with {"input": ..., "output": ...}, if the workflow does not complete';

CREATE FUNCTION standin.workflow_current() RETURNS text
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_current';
COMMENT ON FUNCTION standin.workflow_current() IS 'The id of the in-database workflow that runs here, or null.';

CREATE FUNCTION standin.step_key() RETURNS text
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_step_key';
COMMENT ON FUNCTION standin.step_key() IS
    'In the handler of a step: a key made of the workflow''s id and the step''s number, the same on every attempt and after every crash. Use it as the idempotency key of a call to the outside.';

-- Results --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION standin.workflow_result(id text, timeout interval DEFAULT '0', OUT status text, OUT output jsonb, OUT error jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_result';
COMMENT ON FUNCTION standin.workflow_result(text, interval) IS
    'Status (as in standin.workflows), output and error of a workflow. With a timeout, at most a minute, it waits for the end (null: it does not); being a function it holds its statement''s snapshot while it waits, so for longer waits CALL standin.workflow_wait.';

CREATE PROCEDURE standin.workflow_wait(id text, timeout interval, INOUT status text DEFAULT NULL, INOUT output jsonb DEFAULT NULL, INOUT error jsonb DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_wait';
COMMENT ON PROCEDURE standin.workflow_wait(text, interval, text, jsonb, jsonb) IS
    'Waits for the end of a workflow without a transaction or a snapshot, so it must be called outside a transaction block. Status is that of an open workflow if the time was over first. A timeout of null is none.';
