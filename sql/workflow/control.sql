-- What people do with workflows that are under way.

CREATE FUNCTION standin_private.workflow_control(id text) RETURNS standin_private.workflow_task
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting oid := standin_private.workflow_caller();
    task standin_private.workflow_task;
    state text;
BEGIN
    IF id IS NULL THEN
        RAISE EXCEPTION 'id of a workflow must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM standin_private.workflow_visible(id, acting);
    SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        SELECT r.status INTO state FROM standin_private.workflow_run r WHERE r.workflow_id = id;
        RAISE EXCEPTION 'workflow "%" is already %', id, state USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NOT coalesce(pg_has_role(acting, to_regrole(quote_ident(task.submitter)), 'USAGE'), false)
       AND NOT pg_has_role(acting, 'standin_operator', 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for workflow "%"', id USING ERRCODE = 'insufficient_privilege',
            HINT = 'Whoever started it, or a member of standin_operator, may do that.';
    END IF;
    RETURN task;
END $$;
COMMENT ON FUNCTION standin_private.workflow_control(text) IS
    'Locks an open workflow''s task for its submitter or an operator, or refuses.';

-- A worker has it: between a claim and the end of the lease, or for an executor until the end.
CREATE FUNCTION standin_private.workflow_is_taken(task standin_private.workflow_task) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN task.token > 0 AND task.waiting IS NULL AND task.worker IS NOT NULL AND task.available_at > standin_private.clock_now();
COMMENT ON FUNCTION standin_private.workflow_is_taken(standin_private.workflow_task) IS 'Whether a worker has the workflow at this moment.';

CREATE FUNCTION standin_private.workflow_require_no_ending(task standin_private.workflow_task) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF task.ending IS NOT NULL THEN
        RAISE EXCEPTION 'workflow "%" is being compensated', task.workflow_id USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = format('It will be %s.', task.ending->>'status');
    ELSIF task.control->>'action' = 'cancel' THEN
        RAISE EXCEPTION 'workflow "%" is being cancelled', task.workflow_id USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_require_no_ending(standin_private.workflow_task) IS 'Refuses what would meet a cancel or a compensation under way.';

CREATE FUNCTION standin_private.workflow_awaken(id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
BEGIN
    UPDATE standin_private.workflow_task t
       SET available_at = '-infinity', waiting = NULL, waiting_for = NULL, suspended = true, control = NULL
     WHERE t.workflow_id = id RETURNING * INTO task;
    IF task.form = 'database' THEN
        PERFORM standin_private.workflow_role_wake(task.submitter);
    ELSE
        PERFORM standin_private.wake('claim');
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_awaken(text) IS 'Lets a workflow that has no worker go on now.';

CREATE FUNCTION standin_private.workflow_role_wake(role name) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_workflow_role_wake';
COMMENT ON FUNCTION standin_private.workflow_role_wake(name) IS 'Wakes the role''s executor at the commit, or the supervisor, which starts it.';

CREATE FUNCTION standin_private.workflow_cancel_task(task standin_private.workflow_task, because jsonb, "cascade" boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id text := task.workflow_id;
BEGIN
    IF standin_private.workflow_is_taken(task) AND task.form = 'database' THEN
        UPDATE standin_private.workflow_task t SET control = jsonb_build_object('action', 'cancel', 'error', because) WHERE t.workflow_id = id;
    ELSIF EXISTS (SELECT FROM standin_private.workflow_compensation c WHERE c.workflow_id = id AND c.done_at IS NULL) THEN
        UPDATE standin_private.workflow_task t SET ending = jsonb_build_object('status', 'cancelled', 'error', because) WHERE t.workflow_id = id;
        PERFORM standin_private.workflow_awaken(id);
    ELSE
        PERFORM standin_private.workflow_finish(id, task.token, 'cancelled', NULL, because);
    END IF;
    IF "cascade" THEN
        PERFORM standin_private.workflow_cancel_children(id, because);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_cancel_task(standin_private.workflow_task, jsonb, boolean) IS
    'Cancels a workflow whose task is locked and whose compensation has not begun.';

CREATE FUNCTION standin_private.workflow_cancel_children(id text, because jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text;
    task standin_private.workflow_task;
BEGIN
    FOR child IN
        SELECT r.workflow_id FROM standin_private.workflow_run r JOIN standin_private.workflow_run p ON p.workflow_id = id
         WHERE r.parent = id AND r.status = 'open'
           AND coalesce(pg_has_role(to_regrole(quote_ident(p.submitter)), to_regrole(quote_ident(r.submitter)), 'USAGE'), false) ORDER BY 1
    LOOP
        SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = child FOR NO KEY UPDATE;
        IF FOUND AND task.ending IS NULL AND coalesce(task.control->>'action' <> 'cancel', true) THEN
            PERFORM standin_private.workflow_cancel_task(task, because, true);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.workflow_cancel_children(text, jsonb) IS
    'Cancels what a workflow has started and what is still open of that, as far as its role could.';

CREATE FUNCTION standin.workflow_cancel(id text, reason text, "cascade" boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    actor name := pg_get_userbyid(standin_private.workflow_caller());
BEGIN
    PERFORM standin_private.argument_require('reason', reason);
    task := standin_private.workflow_control(id);
    PERFORM standin_private.workflow_require_no_ending(task);
    PERFORM standin_private.workflow_cancel_task(
        task, jsonb_build_object('sqlstate', '57014', 'message', 'cancelled: ' || reason, 'cancelled_by', actor), coalesce("cascade", true));
END $$;
COMMENT ON FUNCTION standin.workflow_cancel(text, text, boolean) IS
    'Ends a workflow as cancelled: one that waits, sleeps or is not begun at once, one that runs in the database at its next step (the step under way is not recorded, nor its effect kept). An application worker''s next write is refused. Its compensations run first. cascade: what it started, too. By its role or an operator. Errors: P0002 no such workflow, 42501 no right, 55000 it has ended, 22004 no reason';

CREATE FUNCTION standin.workflow_pause(id text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    actor name := pg_get_userbyid(standin_private.workflow_caller());
    because jsonb;
BEGIN
    PERFORM standin_private.argument_require('reason', reason);
    task := standin_private.workflow_control(id);
    IF task.form = 'external' AND standin_private.workflow_is_taken(task) THEN
        RAISE EXCEPTION 'workflow "%" is with a worker', id USING ERRCODE = 'object_in_use',
            HINT = 'Pause it when its lease has ended, or cancel it.';
    END IF;
    PERFORM standin_private.workflow_require_no_ending(task);
    IF task.waiting = 'paused' THEN
        RETURN;
    END IF;
    because := jsonb_build_object('message', 'paused: ' || reason, 'paused_by', actor);
    IF standin_private.workflow_is_taken(task) THEN
        UPDATE standin_private.workflow_task t SET last_error = because, control = jsonb_build_object('action', 'pause') WHERE t.workflow_id = id;
    ELSE -- what it waited for it goes on to wait for; a worker whose lease has ended is too late
        UPDATE standin_private.workflow_task t
           SET last_error = because, waiting = 'paused', available_at = 'infinity', worker = NULL, suspended = true,
               token = t.token + CASE WHEN t.form = 'external' AND t.token > 0 THEN 1 ELSE 0 END,
               control = CASE WHEN t.waiting IS NOT NULL THEN
                   jsonb_build_object('action', 'paused', 'waiting', t.waiting, 'available_at', t.available_at) END
         WHERE t.workflow_id = id;
    END IF;
END $$;
COMMENT ON FUNCTION standin.workflow_pause(text, text) IS
    'Stops a workflow before its next step, until standin.workflow_resume. Errors: P0002 no such workflow, 42501 no right, 55000 it has ended, 55006 an application worker has it, 22004 no reason';

CREATE FUNCTION standin.workflow_resume(id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
BEGIN
    task := standin_private.workflow_control(id);
    IF task.control->>'action' = 'pause' THEN
        UPDATE standin_private.workflow_task t SET control = NULL WHERE t.workflow_id = id;
    ELSIF task.control->>'action' = 'paused' THEN
        UPDATE standin_private.workflow_task t
           SET waiting = task.control->>'waiting', available_at = (task.control->>'available_at')::timestamptz, control = NULL
         WHERE t.workflow_id = id;
        PERFORM standin_private.workflow_signal(NULL, id), standin_private.wake('claim');
    ELSIF task.waiting = 'paused' THEN
        PERFORM standin_private.workflow_awaken(id);
    ELSE
        RAISE EXCEPTION 'workflow "%" is not paused', id USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;
COMMENT ON FUNCTION standin.workflow_resume(text) IS 'Lets a paused workflow go on. Errors: P0002 no such workflow, 42501 no right, 55000 it is not paused';

CREATE FUNCTION standin.workflow_retry(id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
BEGIN
    task := standin_private.workflow_control(id);
    IF task.waiting IS NULL OR task.waiting NOT IN ('blocked', 'retry') THEN
        RAISE EXCEPTION 'workflow "%" is not blocked', id USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM standin_private.workflow_awaken(id);
END $$;
COMMENT ON FUNCTION standin.workflow_retry(text) IS
    'Lets a blocked workflow try again, once what blocked it is mended, or one that waits for its next attempt try now. Errors: P0002 no such workflow, 42501 no right, 55000 it is not blocked';

CREATE FUNCTION standin.workflow_migrate(id text, version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    now_on integer;
BEGIN
    PERFORM standin_private.argument_require('version', version::text);
    task := standin_private.workflow_control(id);
    IF standin_private.workflow_is_taken(task) THEN
        RAISE EXCEPTION 'workflow "%" is with a worker', id USING ERRCODE = 'object_in_use', HINT = 'Pause it first.';
    END IF;
    SELECT d.version INTO now_on FROM standin_private.workflow_definition d
     WHERE d.name = task.name AND d.version = workflow_migrate.version AND (d.procedure IS NULL) = (task.form = 'external');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" has no version % of that form', task.name, version USING ERRCODE = 'undefined_object';
    END IF;
    UPDATE standin_private.workflow_run r SET version = now_on WHERE r.workflow_id = id;
    IF task.waiting = 'blocked' THEN
        PERFORM standin_private.workflow_awaken(id);
    END IF;
END $$;
COMMENT ON FUNCTION standin.workflow_migrate(text, integer) IS
    'Lets an open workflow go on with another version''s procedure, from its step log: what it has recorded that version must repeat, or it is blocked. A blocked one tries again. Errors: P0002 no such workflow, 42501 no right, 42704 no such version, 55006 a worker has it';

CREATE FUNCTION standin.workflow_fork(id text, from_step integer, new_id text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    acting oid := standin_private.workflow_caller();
    run standin_private.workflow_run;
    fork text := coalesce(workflow_fork.new_id, gen_random_uuid()::text);
BEGIN
    IF workflow_fork.id IS NULL OR workflow_fork.from_step IS NULL THEN
        RAISE EXCEPTION 'workflow and step must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM standin_private.workflow_visible(workflow_fork.id, acting);
    SELECT * INTO run FROM standin_private.workflow_run r WHERE r.workflow_id = workflow_fork.id;
    IF NOT coalesce(pg_has_role(acting, to_regrole(quote_ident(run.submitter)), 'USAGE'), false) THEN
        RAISE EXCEPTION 'permission denied for workflow "%"', workflow_fork.id USING ERRCODE = 'insufficient_privilege',
            HINT = 'A fork runs as the role that started the workflow: SET ROLE to it.';
    END IF;
    IF from_step < 1 OR from_step > 1 + (SELECT coalesce(max(s.seq), 0) FROM standin_private.workflow_step s WHERE s.workflow_id = workflow_fork.id) THEN
        RAISE EXCEPTION 'workflow "%" has no step %', workflow_fork.id, from_step USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM standin_private.workflow_compensation c
                WHERE c.workflow_id = workflow_fork.id AND c.seq < from_step AND c.done_at IS NOT NULL)
       OR EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.workflow_id = workflow_fork.id AND t.ending IS NOT NULL) THEN
        RAISE EXCEPTION 'steps before step % of workflow "%" were undone', from_step, workflow_fork.id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Fork from the first step that was undone, or from an earlier one.';
    END IF;
    IF EXISTS (SELECT FROM standin_private.workflow_run r WHERE r.workflow_id = fork) THEN
        RAISE EXCEPTION 'workflow "%" was already started', fork USING ERRCODE = 'unique_violation';
    END IF;
    INSERT INTO standin_private.workflow_run (workflow_id, name, version, submitter, input) VALUES (fork, run.name, run.version, run.submitter, run.input);
    INSERT INTO standin_private.workflow_step (workflow_id, seq, name, external, input_hash, output, started_at, recorded_at, kind)
    SELECT fork, s.seq, s.name, s.external, s.input_hash, s.output, s.started_at, s.recorded_at, s.kind
      FROM standin_private.workflow_step s WHERE s.workflow_id = workflow_fork.id AND s.seq < from_step;
    INSERT INTO standin_private.workflow_task (workflow_id, name, form, submitter)
    SELECT fork, run.name, CASE WHEN d.procedure IS NULL THEN 'external' ELSE 'database' END, run.submitter
      FROM standin_private.workflow_definition d WHERE d.name = run.name AND d.version = run.version;
    PERFORM standin_private.instance_require();
    PERFORM standin_private.workflow_awaken(fork), standin_private.workflow_flush();
    INSERT INTO standin_private.workflow_role (role) SELECT run.submitter WHERE EXISTS (
        SELECT FROM standin_private.workflow_task t WHERE t.workflow_id = fork AND t.form = 'database') ON CONFLICT DO NOTHING;
    RETURN fork;
END $$;
COMMENT ON FUNCTION standin.workflow_fork(text, integer, text) IS
    'Starts a new workflow that has what another one recorded before a step, and does that step and all after it itself. What the other one did stays done: if the fork does not complete, only its own steps are undone. Returns the new id. By its role. Errors: P0002 no such workflow, 42501 no right, 22023 no such step, 55000 steps before it were undone, 23505 the new id is taken';

CREATE FUNCTION standin.workflow_reassign(role name, to_role name) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moved bigint;
BEGIN
    PERFORM standin_private.argument_require('role', workflow_reassign.role::text),
            standin_private.argument_require('to_role', workflow_reassign.to_role::text), standin_private.caller();
    IF to_regrole(quote_ident(workflow_reassign.role)) IS NOT NULL THEN
        RAISE EXCEPTION 'role "%" exists', workflow_reassign.role USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Only workflows of a role that was dropped are reassigned: what a role has started runs with that role''s rights.';
    END IF;
    IF NOT pg_has_role(standin_private.workflow_caller(), workflow_reassign.to_role, 'USAGE') THEN
        RAISE EXCEPTION 'must be a member of role "%"', workflow_reassign.to_role USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- What an executor of the dropped role had is taken from it; what waits goes on to wait.
    UPDATE standin_private.workflow_task t
       SET submitter = workflow_reassign.to_role,
           token = t.token + CASE WHEN t.form = 'database' AND t.waiting IS NULL AND t.available_at = 'infinity' THEN 1 ELSE 0 END,
           worker = CASE WHEN t.form = 'database' AND t.waiting IS NULL THEN NULL ELSE t.worker END,
           available_at = CASE WHEN t.form = 'database' AND t.waiting IS NULL THEN '-infinity' ELSE t.available_at END
     WHERE t.submitter = workflow_reassign.role;
    GET DIAGNOSTICS moved = ROW_COUNT;
    UPDATE standin_private.workflow_run r SET submitter = workflow_reassign.to_role
     WHERE r.submitter = workflow_reassign.role AND r.status = 'open';
    INSERT INTO standin_private.workflow_role (role) SELECT workflow_reassign.to_role WHERE moved > 0 ON CONFLICT DO NOTHING;
    DELETE FROM standin_private.workflow_role w WHERE w.role = workflow_reassign.role;
    UPDATE standin_private.schedule h SET role = workflow_reassign.to_role WHERE h.role = workflow_reassign.role;
    PERFORM standin_private.workflow_role_wake(workflow_reassign.to_role);
    RETURN moved;
END $$;
COMMENT ON FUNCTION standin.workflow_reassign(name, name) IS
    'Gives the open workflows and the schedules of a role that does not exist any more to another one, of which the caller must be a member; returns how many. Errors: 55000 the role exists, 42501 not a member, 42704 no such role';
