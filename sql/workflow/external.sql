-- The external form: application workers, in any language that speaks SQL. Each function that writes locks the task's row
-- under the caller's token until the caller's transaction ends: nobody can claim the workflow while such a commit is on
-- its way, and after a claim no older token passes.

CREATE FUNCTION standin_private.workflow_hold(id text, token bigint) RETURNS standin_private.workflow_task
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
BEGIN
    SELECT * INTO task FROM standin_private.workflow_task t
     WHERE t.workflow_id = id AND t.form = 'external' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" is not open for an application worker', id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'It may have been finished under a newer token; see standin.workflow_result.';
    END IF;
    IF token IS NULL OR task.token <> token OR token <= 0 THEN
        RAISE EXCEPTION 'stale token % for workflow "%"', token, id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = format('It is held under token %s.', task.token),
                  HINT = 'The lease ended and another worker claimed it. Roll back, drop this work and claim again.';
    END IF;
    IF NOT pg_has_role(standin_private.workflow_caller(), task.claimed_by, 'USAGE') THEN
        RAISE EXCEPTION 'workflow "%" was claimed by another role', id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN task;
END $$;
COMMENT ON FUNCTION standin_private.workflow_hold(text, bigint) IS 'Locks an external workflow under its current token, or refuses.';

CREATE FUNCTION standin_private.workflow_claimable(names text[]) RETURNS TABLE (name text, granted boolean, roles name[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    acting oid := standin_private.workflow_caller();
    own name[] := ARRAY(SELECT r.rolname FROM pg_roles r WHERE pg_has_role(acting, r.oid, 'USAGE'));
BEGIN
    RETURN QUERY SELECT DISTINCT u, EXISTS (SELECT FROM standin_private.workflow_grant g
                            WHERE g.name = u AND g.privilege = 'claim' AND g.role = ANY (own)), own
                   FROM unnest(names) u;
END $$;
COMMENT ON FUNCTION standin_private.workflow_claimable(text[]) IS
    'Of which names the caller may claim whatever was started; of the others, what these roles have started.';

CREATE FUNCTION standin_private.workflow_claim_now(worker text, names text[], lease interval, max_count integer)
RETURNS TABLE (id text, name text, version integer, token bigint, input jsonb, lease_until timestamptz)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    present timestamptz := standin_private.clock_now();
    due text;
    given bigint;
BEGIN
    PERFORM standin_private.workflow_flush(); -- a token that a crash forgets would be given out twice
    -- Of each name in turn, so that a backlog of one keeps nobody else waiting.
    FOR due IN
        SELECT c.workflow_id
          FROM standin_private.workflow_claimable(names) wanted
         CROSS JOIN LATERAL (
               SELECT o.workflow_id, row_number() OVER () AS turn FROM (
                   -- What was claimed and whose lease has ended is older than what is new.
                   SELECT * FROM (
                       SELECT t.workflow_id FROM standin_private.workflow_task t
                        WHERE t.form = 'external' AND t.name = wanted.name AND t.available_at > '-infinity' AND t.available_at <= present
                          AND (wanted.granted OR t.submitter = ANY (wanted.roles))
                        ORDER BY t.available_at, t.seq LIMIT max_count FOR NO KEY UPDATE SKIP LOCKED) ended
                   UNION ALL
                   SELECT * FROM (
                       SELECT t.workflow_id FROM standin_private.workflow_task t
                        WHERE t.form = 'external' AND t.name = wanted.name AND t.available_at = '-infinity'
                          AND (wanted.granted OR t.submitter = ANY (wanted.roles))
                        ORDER BY t.available_at, t.seq LIMIT max_count FOR NO KEY UPDATE SKIP LOCKED) fresh) o) c
         ORDER BY c.turn, random() LIMIT max_count
    LOOP
        given := standin_private.workflow_lease(due, worker, standin_private.workflow_caller(), present + lease);
        IF given IS NOT NULL THEN
            RETURN QUERY SELECT r.workflow_id, r.name, r.version, given, r.input, present + lease
                           FROM standin_private.workflow_run r WHERE r.workflow_id = due;
        END IF;
    END LOOP;
    IF due IS NOT NULL THEN -- application workers of a copy would do again what those of the original do
        PERFORM standin_private.instance_require();
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_claim_now(text, text[], interval, integer) IS 'A claim that does not wait.';

CREATE FUNCTION standin_private.workflow_claim_next(names text[], OUT ready boolean, OUT next_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    present timestamptz := standin_private.clock_now();
BEGIN
    PERFORM FROM standin_private.workflow_claimable(names) wanted
            CROSS JOIN LATERAL (
                SELECT FROM standin_private.workflow_task t
                 WHERE t.form = 'external' AND t.name = wanted.name AND t.available_at <= present
                   AND (wanted.granted OR t.submitter = ANY (wanted.roles))
                 ORDER BY t.available_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) c
            LIMIT 1;
    ready := FOUND;
    IF NOT ready THEN
        SELECT min(c.available_at) INTO next_at
          FROM standin_private.workflow_claimable(names) wanted
         CROSS JOIN LATERAL (
               SELECT t.available_at FROM standin_private.workflow_task t
                WHERE t.form = 'external' AND t.name = wanted.name AND (wanted.granted OR t.submitter = ANY (wanted.roles))
                ORDER BY t.available_at LIMIT 1) c;
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_claim_next(text[]) IS
    'Whether something can be claimed now (its row is then locked), and if not when the next lease or delay ends.';

CREATE FUNCTION standin_private.workflow_claim_await(names text[], timeout interval) RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_claim_await';
COMMENT ON FUNCTION standin_private.workflow_claim_await(text[], interval) IS
    'Waits until there may be something to claim; false when the time is over.';

CREATE FUNCTION standin.workflow_claim(worker text, names text[], lease interval DEFAULT '30 s',
                                       max_count integer DEFAULT 1, wait interval DEFAULT '0')
RETURNS TABLE (id text, name text, version integer, token bigint, input jsonb, lease_until timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    -- The wait is measured by the wall, not by the product's clock, which a test may move.
    deadline timestamptz := clock_timestamp() + wait;
BEGIN
    IF coalesce(worker, '') = '' OR coalesce(cardinality(names), 0) = 0 OR array_position(names, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'a claim needs the worker''s name and the names of the workflows it can run'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF lease IS NULL OR lease NOT BETWEEN interval '1 s' AND interval '1 day' THEN
        RAISE EXCEPTION 'lease must be between 1 second and 1 day' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF max_count IS NULL OR max_count NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'max_count must be between 1 and 1000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF wait IS NULL OR wait NOT BETWEEN interval '0' AND interval '1 min' THEN
        RAISE EXCEPTION 'wait must be between 0 and 1 minute' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A function holds its snapshot while it waits. CALL standin.workflow_claim_wait to wait longer.';
    END IF;
    LOOP
        RETURN QUERY SELECT * FROM standin_private.workflow_claim_now(worker, names, lease, max_count);
        EXIT WHEN FOUND OR clock_timestamp() >= deadline;
        EXIT WHEN NOT standin_private.workflow_claim_await(names, deadline - clock_timestamp());
    END LOOP;
END $$;
COMMENT ON FUNCTION standin.workflow_claim(text, text[], interval, integer, interval) IS
    'Claims up to max_count workflows that are due, each under a lease and a fencing token that only rises. Commit before you work on them. A lease that ends makes the workflow claimable again. With `wait` (at most a minute, the snapshot is held meanwhile) it waits for work.';

CREATE PROCEDURE standin.workflow_claim_wait(names text[], timeout interval, INOUT ready boolean DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_claim_wait';
COMMENT ON PROCEDURE standin.workflow_claim_wait(text[], interval, boolean) IS
    'Waits, without a transaction or a snapshot, until there may be something to claim: then call standin.workflow_claim. Must be called outside a transaction block.';

CREATE FUNCTION standin.step_record(id text, token bigint, name text, output jsonb DEFAULT NULL, input jsonb DEFAULT NULL,
                                    seq integer DEFAULT NULL)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reached integer;
    known integer;
BEGIN
    PERFORM standin_private.workflow_hold(id, token);
    IF coalesce(length(name), 0) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'name of a step must have 1 to 200 characters' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT coalesce(max(s.seq), 0) INTO reached FROM standin_private.workflow_step s WHERE s.workflow_id = id;
    SELECT s.seq INTO known FROM standin_private.workflow_step s
     WHERE s.workflow_id = id AND s.name = step_record.name AND s.external;
    IF known IS NOT NULL THEN
        RAISE EXCEPTION 'step "%" of workflow "%" is already recorded', name, id
            USING ERRCODE = 'unique_violation', DETAIL = format('It is number %s.', known),
                  HINT = 'Roll back, or its effect would be there twice; standin.step_result has the recorded output.';
    END IF;
    IF seq <> reached + 1 THEN
        RAISE EXCEPTION 'step "%" of workflow "%" comes out of sequence', name, id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = format('It says it is number %s; number %s is the next to be recorded.', seq, reached + 1);
    END IF;
    INSERT INTO standin_private.workflow_step (workflow_id, seq, name, external, input_hash, output, recorded_at)
    VALUES (id, reached + 1, name, true, standin_private.workflow_input_hash(input), output, standin_private.clock_now());
    PERFORM standin_private.workflow_flush();
    RETURN reached + 1;
END $$;
COMMENT ON FUNCTION standin.step_record(text, bigint, text, jsonb, jsonb, integer) IS
    'Records a step of an external workflow in the caller''s transaction, so that its effect and the record commit together; returns its number. The name is unique within the workflow: a step that is already recorded is refused. With `seq` its place is checked too.';

CREATE FUNCTION standin.step_result(id text, token bigint, name text, input jsonb DEFAULT NULL, seq integer DEFAULT NULL,
                                    OUT recorded boolean, OUT output jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    step standin_private.workflow_step;
    asked_hash bigint := standin_private.workflow_input_hash(input);
BEGIN
    IF id IS NULL OR token IS NULL OR name IS NULL THEN
        RAISE EXCEPTION 'workflow, token and name of a step must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = id AND t.form = 'external';
    IF NOT FOUND OR task.token <> token OR token <= 0 THEN
        RAISE EXCEPTION 'stale token % for workflow "%"', token, id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'The lease ended and another worker claimed it. Drop this work and claim again.';
    END IF;
    IF NOT pg_has_role(standin_private.workflow_caller(), task.claimed_by, 'USAGE') THEN
        RAISE EXCEPTION 'workflow "%" was claimed by another role', id USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO step FROM standin_private.workflow_step s
     WHERE s.workflow_id = id AND s.name = step_result.name AND s.external;
    IF FOUND AND (step.input_hash <> asked_hash OR step.seq <> coalesce(step_result.seq, step.seq)) THEN
        RAISE EXCEPTION 'workflow "%" does not repeat what it recorded', id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = format('Recorded: step %s "%s" with input %s. Now: step %s "%s" with input %s.', step.seq, step.name,
                                  to_hex(step.input_hash), coalesce(step_result.seq, step.seq), name, to_hex(asked_hash));
    END IF;
    recorded := step.seq IS NOT NULL;
    output := step.output;
END $$;
COMMENT ON FUNCTION standin.step_result(text, bigint, text, jsonb, integer) IS
    'Whether a step is recorded, and its output. Ask before doing a step: a recorded one must not be done again. An input (or place) that differs from the recorded one is an error. Errors: 55000 stale token or no open workflow, 42501 claimed by another role, 22004 null';

CREATE FUNCTION standin.workflow_extend(id text, token bigint, lease interval DEFAULT '30 s') RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until timestamptz := standin_private.clock_now() + lease;
BEGIN
    IF lease IS NULL OR lease NOT BETWEEN interval '1 s' AND interval '1 day' THEN
        RAISE EXCEPTION 'lease must be between 1 second and 1 day' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM standin_private.workflow_hold(id, token);
    UPDATE standin_private.workflow_task t SET available_at = until WHERE t.workflow_id = id;
    RETURN until;
END $$;
COMMENT ON FUNCTION standin.workflow_extend(text, bigint, interval) IS 'Prolongs a lease from now on and returns its new end.';

CREATE FUNCTION standin.workflow_release(id text, token bigint, delay interval DEFAULT '0') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF delay IS NULL OR delay < interval '0' OR delay > interval '10 years' THEN
        RAISE EXCEPTION 'delay must be between 0 and 10 years' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM standin_private.workflow_hold(id, token);
    UPDATE standin_private.workflow_task t
       SET available_at = CASE WHEN delay = interval '0' THEN '-infinity' ELSE standin_private.clock_now() + delay END, worker = NULL,
           suspended = true, token = t.token + 1, waiting = CASE WHEN delay > interval '0' THEN 'sleep' END
     WHERE t.workflow_id = id;
    PERFORM standin_private.wake('claim'), standin_private.workflow_flush();
END $$;
COMMENT ON FUNCTION standin.workflow_release(text, bigint, interval) IS
    'Gives a claimed workflow back, to be claimed again at once or after the delay, in the caller''s transaction; the token is worth nothing from then on. For a worker that shuts down, waits for something, or was told to try again later. It is no recovery. Errors: 55000 stale token, 22023 delay';

CREATE FUNCTION standin_private.workflow_end(id text, token bigint, status text, output jsonb, error jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The answer to the first call may have been lost: the same end under the same token is no error.
    PERFORM FROM standin_private.workflow_run r
      WHERE r.workflow_id = id AND r.token = workflow_end.token AND r.status = workflow_end.status
        AND r.output IS NOT DISTINCT FROM workflow_end.output AND r.error IS NOT DISTINCT FROM workflow_end.error;
    IF NOT FOUND THEN
        PERFORM standin_private.workflow_hold(id, token);
        PERFORM standin_private.workflow_finish(id, token, status, output, error);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_end(text, bigint, text, jsonb, jsonb) IS 'Ends an external workflow, once.';

CREATE FUNCTION standin.workflow_complete(id text, token bigint, output jsonb DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT standin_private.workflow_end(id, token, 'completed', output, NULL)
$$;
COMMENT ON FUNCTION standin.workflow_complete(text, bigint, jsonb) IS
    'Ends an external workflow with its output, in the caller''s transaction. The same call again changes nothing.';

CREATE FUNCTION standin.workflow_fail(id text, token bigint, message text, detail jsonb DEFAULT NULL) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT standin_private.workflow_end(id, token, 'failed', NULL,
        jsonb_strip_nulls(jsonb_build_object('message', coalesce(message, 'failed'), 'detail', detail)))
$$;
COMMENT ON FUNCTION standin.workflow_fail(text, bigint, text, jsonb) IS
    'Ends an external workflow as failed, in the caller''s transaction. The same call again changes nothing.';
