-- Waiting without a worker: a workflow that sleeps, or waits for a message, an event or another workflow, has a row in
-- workflow_task and nothing else. The dispatcher makes it ready again. Whatever may end a wait leaves a signal, in its own
-- commit, and so does whoever begins to wait: the later of the two commits makes the dispatcher look when both are there, so
-- that none of them needs a lock of the other's.

CREATE TABLE standin_private.workflow_message (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id text NOT NULL,
    topic text NOT NULL,
    body jsonb NOT NULL,
    key text,
    sender name NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    received_by integer, -- the step
    UNIQUE (workflow_id, topic, sender, key)
);
COMMENT ON TABLE standin_private.workflow_message IS 'Messages to workflows, also to those that are not there yet; distributed by workflow_id';
CREATE INDEX workflow_message_open ON standin_private.workflow_message (workflow_id, topic, n) WHERE received_by IS NULL;

CREATE TABLE standin_private.workflow_event (
    workflow_id text NOT NULL,
    name text NOT NULL,
    n integer NOT NULL CHECK (n > 0),
    value jsonb NOT NULL,
    set_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (workflow_id, name, n)
);
CREATE INDEX workflow_event_label ON standin_private.workflow_event (('event ' || octet_length(name)::text || ' ' || name || ' of ' || workflow_id));
COMMENT ON TABLE standin_private.workflow_event IS 'What workflows tell of themselves, with what they told before; distributed by workflow_id';

CREATE TABLE standin_private.workflow_signal (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text,      -- all that wait for this
    workflow_id text, -- or this one
    CHECK ((source IS NULL) <> (workflow_id IS NULL))
);
COMMENT ON TABLE standin_private.workflow_signal IS 'What may have ended a wait, until the dispatcher has looked; kept whole';

CREATE TABLE standin_private.workflow_grant (
    name text NOT NULL,
    role name NOT NULL,
    privilege text NOT NULL CHECK (privilege IN ('claim', 'send')),
    granted_by name NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (name, role, privilege)
);
COMMENT ON TABLE standin_private.workflow_grant IS 'Who besides the role that started a workflow may work on it or send to it; kept whole';

CREATE FUNCTION standin_private.workflow_signal(source text, workflow_id text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO standin_private.workflow_signal (source, workflow_id) VALUES (workflow_signal.source, workflow_signal.workflow_id);
    PERFORM standin_private.workflow_dispatcher_wake();
END $$;
COMMENT ON FUNCTION standin_private.workflow_signal(text, text) IS 'Lets the dispatcher look, after this commit, whether a wait is over.';

CREATE FUNCTION standin_private.workflow_dispatcher_wake() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_dispatcher_wake';
COMMENT ON FUNCTION standin_private.workflow_dispatcher_wake() IS 'Wakes the dispatcher at the commit, or the supervisor, which starts it.';

-- What the dispatcher does ---------------------------------------------------------------------------------------------

CREATE FUNCTION standin_private.workflow_may(actor name, task_name text, submitter name, wanted text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting oid := to_regrole(quote_ident(actor))::oid;
BEGIN
    RETURN acting IS NOT NULL AND (coalesce(pg_has_role(acting, to_regrole(quote_ident(submitter)), 'USAGE'), false)
        OR EXISTS (SELECT FROM standin_private.workflow_grant g
                    WHERE g.name = task_name AND g.privilege = wanted
                      AND coalesce(pg_has_role(acting, to_regrole(quote_ident(g.role)), 'USAGE'), false)));
END $$;
COMMENT ON FUNCTION standin_private.workflow_may(name, text, name, text) IS
    'Whether a role may claim workflows of that name and submitter, or send to them, as things are now.';

CREATE FUNCTION standin_private.workflow_message_next(id text, topic text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    RETURN (SELECT m.n FROM standin_private.workflow_message m JOIN standin_private.workflow_run r USING (workflow_id)
             WHERE m.workflow_id = id AND m.topic = topic AND m.received_by IS NULL
               AND standin_private.workflow_may(m.sender, r.name, r.submitter, 'send')
             ORDER BY m.n LIMIT 1);
END $$;
COMMENT ON FUNCTION standin_private.workflow_message_next(text, text) IS
    'The oldest message of a topic that the workflow has not received, or null. One from a role that may not send to it is none: it may have been there before the workflow.';

CREATE FUNCTION standin_private.workflow_ready(id text) RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role name;
BEGIN
    UPDATE standin_private.workflow_task t SET available_at = '-infinity', waiting = NULL, waiting_for = NULL
     WHERE t.workflow_id = id AND t.form = 'database' AND t.waiting NOT IN ('paused', 'blocked')
    RETURNING t.submitter INTO role;
    RETURN role;
END $$;
COMMENT ON FUNCTION standin_private.workflow_ready(text) IS 'Ends a wait; the role whose executor goes on with the workflow, or null if it did not wait.';

CREATE FUNCTION standin_private.workflow_wait_is_over(task standin_private.workflow_task) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE task.waiting
        WHEN 'message' THEN standin_private.workflow_message_next(task.workflow_id, task.waiting_for) IS NOT NULL
        WHEN 'workflow' THEN NOT EXISTS (SELECT FROM standin_private.workflow_task o WHERE o.workflow_id = substr(task.waiting_for, 10))
        WHEN 'event' THEN EXISTS (SELECT FROM standin_private.workflow_event e
            WHERE 'event ' || octet_length(e.name)::text || ' ' || e.name || ' of ' || e.workflow_id = task.waiting_for)
        ELSE false END;
END $$;
COMMENT ON FUNCTION standin_private.workflow_wait_is_over(standin_private.workflow_task) IS 'Whether what a workflow waits for is there.';

-- What a session has locked keeps nobody else waiting: it is looked at again.
CREATE FUNCTION standin_private.workflow_dispatch(max_count integer) RETURNS TABLE (role oid, moved bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    present timestamptz := standin_private.clock_now();
    readied name[] := '{}';
    one text;
    task standin_private.workflow_task;
BEGIN
    FOR one IN
        WITH signal AS (
            DELETE FROM standin_private.workflow_signal s
             WHERE s.n IN (SELECT l.n FROM standin_private.workflow_signal l ORDER BY l.n LIMIT max_count FOR UPDATE SKIP LOCKED)
            RETURNING s.source, s.workflow_id
        )
        SELECT t.workflow_id FROM (SELECT DISTINCT s.source FROM signal s WHERE s.source IS NOT NULL) s
          JOIN standin_private.workflow_task t ON t.waiting_for = s.source
        UNION
        SELECT s.workflow_id FROM signal s WHERE s.workflow_id IS NOT NULL
    LOOP
        SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = one FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND AND standin_private.workflow_wait_is_over(task) THEN
            readied := readied || standin_private.workflow_ready(one);
        ELSIF NOT FOUND AND EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.workflow_id = one AND t.waiting IS NOT NULL) THEN
            INSERT INTO standin_private.workflow_signal (workflow_id) VALUES (one);
        END IF;
    END LOOP;
    FOR one IN
        SELECT t.workflow_id FROM standin_private.workflow_task t
         WHERE t.waiting IS NOT NULL AND t.form = 'database' AND t.waiting NOT IN ('paused', 'blocked') AND t.available_at <= present
         ORDER BY t.available_at LIMIT max_count FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        readied := readied || standin_private.workflow_ready(one);
    END LOOP;
    RETURN QUERY SELECT to_regrole(quote_ident(r.name))::oid, count(*) FROM unnest(readied) r (name) WHERE r.name IS NOT NULL GROUP BY 1;
END $$;
COMMENT ON FUNCTION standin_private.workflow_dispatch(integer) IS
    'Makes ready what is due and whose wait is over, of each at most so many; the roles whose executors are to be woken.';

CREATE FUNCTION standin_private.workflow_dispatch_next(OUT signals boolean, OUT next_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    SELECT EXISTS (SELECT FROM standin_private.workflow_signal),
           (SELECT t.available_at FROM standin_private.workflow_task t
             WHERE t.waiting IS NOT NULL AND t.form = 'database' AND t.waiting NOT IN ('paused', 'blocked')
             ORDER BY t.available_at LIMIT 1)
      INTO signals, next_at;
END $$;
COMMENT ON FUNCTION standin_private.workflow_dispatch_next() IS 'Whether there is more to look at, and when the next wait ends.';

-- The net below the signals: a wait for another workflow that nobody announced, since the two committed side by side.
CREATE FUNCTION standin_private.workflow_dispatch_sweep() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.workflow_signal (workflow_id)
    SELECT t.workflow_id FROM standin_private.workflow_task t
     WHERE t.waiting = 'workflow' AND t.waiting_for IS NOT NULL
       AND NOT EXISTS (SELECT FROM standin_private.workflow_task o WHERE o.workflow_id = substr(t.waiting_for, 10))
$$;
COMMENT ON FUNCTION standin_private.workflow_dispatch_sweep() IS 'Finds waits for workflows that have ended.';

-- What a running workflow asks -----------------------------------------------------------------------------------------

CREATE FUNCTION standin_private.workflow_suspend(id text, token bigint, waiting text, waiting_for text, until timestamptz,
                                                 wait_seq integer, error jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE standin_private.workflow_task t
       SET available_at = coalesce(until, 'infinity'), waiting = waiting, waiting_for = waiting_for, wait_seq = wait_seq,
           wait_until = CASE WHEN wait_seq IS NOT NULL THEN until END, worker = NULL, suspended = true,
           last_error = coalesce(error, t.last_error)
     WHERE t.workflow_id = id AND t.token = token AND t.form = 'database' AND t.control IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF waiting IN ('message', 'event', 'workflow') THEN
        PERFORM standin_private.workflow_signal(NULL, id);
    ELSE
        PERFORM standin_private.workflow_dispatcher_wake();
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION standin_private.workflow_suspend(text, bigint, text, text, timestamptz, integer, jsonb) IS
    'Takes a workflow from its executor until something ends its wait; false if that executor does not have it any more.';

CREATE PROCEDURE standin.sleep(name text, duration interval)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_sleep';
COMMENT ON PROCEDURE standin.sleep(text, interval) IS
    'In a workflow''s procedure: goes on after that time. Meanwhile the workflow holds no worker, connection, transaction or memory; a crash does not prolong it.';

CREATE PROCEDURE standin.sleep_until(name text, until timestamptz)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_sleep_until';
COMMENT ON PROCEDURE standin.sleep_until(text, timestamptz) IS
    'In a workflow''s procedure: goes on at that time, as it was given when the workflow came here first.';

CREATE PROCEDURE standin.recv(topic text, timeout interval, INOUT message jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_recv';
COMMENT ON PROCEDURE standin.recv(text, interval, jsonb) IS
    'In a workflow''s procedure: the oldest message of the topic that it has not received, once there is one, or null when the time is over (a timeout of null: never). Receiving and its record are one commit. While it waits the workflow holds no worker.';

CREATE PROCEDURE standin.await_workflow(id text, INOUT result jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_await_workflow';
COMMENT ON PROCEDURE standin.await_workflow(text, jsonb) IS
    'In a workflow''s procedure: waits, holding no worker, until another workflow has ended: {"status": ..., "output": ..., "error": ...}. Errors: P0002 there is none that this role may see';

CREATE PROCEDURE standin.event_set(name text, value jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_event_set';
COMMENT ON PROCEDURE standin.event_set(text, jsonb) IS
    'In a workflow''s procedure: tells the world, as a step. standin.event_get reads it; the values before are kept.';

CREATE PROCEDURE standin.await_event(id text, name text, timeout interval, INOUT value jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_await_event';
COMMENT ON PROCEDURE standin.await_event(text, text, interval, jsonb) IS
    'In a workflow''s procedure: the newest value of another workflow''s event, once it is set, or null when the time is over. While it waits the workflow holds no worker.';

CREATE PROCEDURE standin.value(name text, kind text, INOUT value jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_value';
COMMENT ON PROCEDURE standin.value(text, text, jsonb) IS
    'In a workflow''s procedure: what is not the same on each run, recorded as a step: kind now, random (0 to 1), uuid, or the name of a sequence, of which it takes the next number.';

-- What others ask ------------------------------------------------------------------------------------------------------

CREATE FUNCTION standin.message_send(workflow_id text, topic text, body jsonb, key text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    sender name := pg_get_userbyid(standin_private.workflow_caller());
    receiver record;
    sent boolean;
BEGIN
    IF workflow_id IS NULL OR body IS NULL OR coalesce(length(topic), 0) NOT BETWEEN 1 AND 200 OR length(workflow_id) NOT BETWEEN 1 AND 500 THEN
        RAISE EXCEPTION 'a message needs a workflow, a topic of 1 to 200 characters, and a body'
            USING ERRCODE = CASE WHEN workflow_id IS NULL OR body IS NULL OR topic IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END;
    END IF;
    SELECT r.name, r.submitter, r.status INTO receiver FROM standin_private.workflow_run r WHERE r.workflow_id = workflow_id;
    IF FOUND AND NOT standin_private.workflow_may(sender, receiver.name, receiver.submitter, 'send') THEN
        RAISE EXCEPTION 'permission denied to send to workflow "%"', workflow_id USING ERRCODE = 'insufficient_privilege',
            HINT = format('SELECT standin.workflow_grant(%L, %L, ''send'');', receiver.name, sender);
    END IF;
    IF receiver.status <> 'open' THEN
        RAISE EXCEPTION 'workflow "%" is %', workflow_id, receiver.status USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO standin_private.workflow_message (workflow_id, topic, body, key, sender)
    VALUES (workflow_id, topic, body, key, sender) ON CONFLICT DO NOTHING;
    sent := FOUND;
    IF NOT sent AND NOT EXISTS (SELECT FROM standin_private.workflow_message m
            WHERE m.workflow_id = workflow_id AND m.topic = topic AND m.key = key AND m.body = body AND m.sender = sender) THEN
        RAISE EXCEPTION 'key "%" was used for another message to workflow "%"', key, workflow_id USING ERRCODE = 'unique_violation';
    END IF;
    IF sent THEN
        PERFORM standin_private.workflow_signal(NULL, workflow_id);
    END IF;
    PERFORM standin_private.workflow_flush();
    RETURN sent;
END $$;
COMMENT ON FUNCTION standin.message_send(text, text, jsonb, text) IS
    'Sends a message to a workflow, in the caller''s transaction; the workflow may be started later. The same key again sends nothing and returns false. A workflow receives messages of its own role, of its members, and of roles that were granted "send". Errors: 42501 no right, 55000 the workflow has ended, 23505 the key was used for another message';

CREATE FUNCTION standin.event_get(workflow_id text, name text, OUT value jsonb, OUT n integer, OUT set_at timestamptz)
RETURNS record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF workflow_id IS NULL OR name IS NULL THEN
        RAISE EXCEPTION 'workflow and name of an event must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM standin_private.workflow_visible(workflow_id, standin_private.workflow_caller());
    SELECT e.value, e.n, e.set_at INTO value, n, set_at FROM standin_private.workflow_event e
     WHERE e.workflow_id = workflow_id AND e.name = name ORDER BY e.n DESC LIMIT 1;
END $$;
COMMENT ON FUNCTION standin.event_get(text, text) IS
    'The newest value of a workflow''s event, how many there were, and since when; nulls if it was not set. standin.workflow_events has all. Errors: P0002 no workflow that the caller may see';

CREATE FUNCTION standin_private.workflow_visible(id text, reader oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM standin_private.workflow_run r
      WHERE r.workflow_id = id
        AND (pg_has_role(reader, to_regrole(quote_ident(r.submitter)), 'USAGE') OR pg_has_role(reader, 'standin_operator', 'USAGE')
             OR pg_has_role(reader, 'standin_auditor', 'USAGE'));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" does not exist', id USING ERRCODE = 'no_data_found', HINT = 'It may also belong to another role.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_visible(text, oid) IS 'Refuses whoever may not know of a workflow as if there were none.';

CREATE FUNCTION standin_private.workflow_outcome(id text, reader oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.workflow_visible(id, reader);
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('status', r.status, 'output', r.output, 'error', r.error))
              FROM standin_private.workflow_run r WHERE r.workflow_id = id AND r.status <> 'open');
END $$;
COMMENT ON FUNCTION standin_private.workflow_outcome(text, oid) IS 'How a workflow ended, or null while it is open.';

CREATE FUNCTION standin_private.workflow_receive(id text, topic text, seq integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    received jsonb;
BEGIN
    UPDATE standin_private.workflow_message m SET received_by = seq
     WHERE m.n = standin_private.workflow_message_next(id, topic) RETURNING m.body INTO received;
    RETURN received;
END $$;
COMMENT ON FUNCTION standin_private.workflow_receive(text, text, integer) IS 'Receives the next message of a topic; null if there is none.';

CREATE FUNCTION standin_private.workflow_event_value(id text, name text, reader oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM standin_private.workflow_visible(id, reader);
    RETURN (SELECT e.value FROM standin_private.workflow_event e WHERE e.workflow_id = id AND e.name = name ORDER BY e.n DESC LIMIT 1);
END $$;
COMMENT ON FUNCTION standin_private.workflow_event_value(text, text, oid) IS 'The newest value of an event, or null.';

CREATE FUNCTION standin_private.workflow_event_add(id text, name text, value jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO standin_private.workflow_event (workflow_id, name, n, value)
    SELECT id, name, coalesce(max(e.n), 0) + 1, value FROM standin_private.workflow_event e WHERE e.workflow_id = id AND e.name = name;
    PERFORM standin_private.workflow_signal('event ' || octet_length(name)::text || ' ' || name || ' of ' || id, NULL);
    PERFORM standin_private.wake('ticket');
END $$;
COMMENT ON FUNCTION standin_private.workflow_event_add(text, text, jsonb) IS 'Sets an event of a workflow.';

CREATE FUNCTION standin.workflow_grant(name text, role name, privilege text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM standin_private.argument_require('name', name), standin_private.argument_require('role', role::text),
            standin_private.argument_require('privilege', privilege);
    IF to_regrole(quote_ident(role)) IS NULL THEN
        RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT EXISTS (SELECT FROM standin_private.workflow_definition d WHERE d.name = name) THEN
        RAISE EXCEPTION 'workflow "%" is not defined', name USING ERRCODE = 'undefined_object', HINT = 'See standin.workflow_define.';
    END IF;
    IF privilege NOT IN ('claim', 'send') THEN
        RAISE EXCEPTION 'privilege must be claim or send' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO standin_private.workflow_grant VALUES (name, role, privilege, standin_private.caller()) ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION standin.workflow_grant(text, name, text) IS
    'Lets a role and its members work on a workflow''s external runs that others have started ("claim"), or send messages to its runs ("send"). Errors: 42704 unknown workflow or role, 22023 another privilege';

CREATE FUNCTION standin.workflow_revoke(name text, role name, privilege text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM standin_private.argument_require('name', name), standin_private.argument_require('role', role::text),
            standin_private.argument_require('privilege', privilege), standin_private.caller();
    DELETE FROM standin_private.workflow_grant g WHERE g.name = name AND g.role = role AND g.privilege = privilege;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role "%" has no such grant on workflow "%"', role, name USING ERRCODE = 'undefined_object';
    END IF;
END $$;
COMMENT ON FUNCTION standin.workflow_revoke(text, name, text) IS 'Takes a grant back; it has effect from the next claim or message on. Errors: 42704 there is none';
