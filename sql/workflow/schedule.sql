-- Schedules: workflows that the clock starts. What a tick's workflow is started with and where the schedule stands are one
-- row, so that the scheduler (src/workflow/schedule) moves on in the transaction of the start.

CREATE TABLE standin_private.schedule (
    schedule text PRIMARY KEY CHECK (length(schedule) BETWEEN 1 AND 200),
    workflow text NOT NULL,
    cron text NOT NULL,
    input jsonb,
    time_zone text NOT NULL,
    jitter interval NOT NULL CHECK (jitter BETWEEN '0' AND '24 hours'),
    overlap text NOT NULL CHECK (overlap IN ('allow', 'skip', 'buffer_one')),
    backfill text NOT NULL CHECK (backfill IN ('none', 'last', 'all')),
    backfill_window interval NOT NULL CHECK (backfill_window >= '0'),
    starts_at timestamptz,
    ends_at timestamptz,
    role name NOT NULL, -- a name, as the submitter of a workflow
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    -- Every tick up to it was started, missed or skipped, or is the buffered one.
    decided_until timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    buffered_tick timestamptz,
    next_tick timestamptz,
    due_at timestamptz, -- when the scheduler has something to decide; null: never, or paused
    paused_at timestamptz,
    paused_by name,
    paused_reason text,
    last_tick timestamptz,
    last_started_at timestamptz,
    last_workflow text,
    started bigint NOT NULL DEFAULT 0 CHECK (started >= 0),
    missed bigint NOT NULL DEFAULT 0 CHECK (missed >= 0),
    skipped bigint NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    error_sqlstate text,
    error_message text,
    error_at timestamptz,
    CHECK (isfinite(starts_at) AND isfinite(ends_at)),
    CHECK (paused_at IS NULL OR due_at IS NULL),
    CHECK ((paused_at IS NULL) = (paused_reason IS NULL)),
    CHECK ((paused_at IS NULL) = (paused_by IS NULL)),
    CHECK ((failures = 0) = (error_at IS NULL)),
    CHECK ((error_sqlstate IS NULL) = (error_at IS NULL)),
    CHECK ((error_message IS NULL) = (error_at IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE standin_private.schedule IS 'Schedules, and where each stands; kept whole';
CREATE INDEX schedule_due ON standin_private.schedule (due_at) WHERE due_at IS NOT NULL;

-- A trigger, so that a restore wakes the supervisor too. Not for what the scheduler writes.
CREATE TRIGGER wake AFTER INSERT OR DELETE OR UPDATE OF paused_at ON standin_private.schedule
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor');

CREATE VIEW standin_private.schedule_option (object, name, type, default_value, allowed, meaning) AS VALUES
    ('schedule', 'workflow', 'text', NULL, NULL, 'what a tick starts; a workflow that the schedule''s role may start'),
    ('schedule', 'cron', 'text', NULL, NULL, 'when: 5 fields, or 6 with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly'),
    ('schedule', 'input', 'jsonb', NULL, NULL, 'of each workflow'),
    ('schedule', 'time_zone', 'text', 'UTC', NULL, 'whose clocks the expression means'),
    ('schedule', 'jitter', 'interval', '00:00:00', '00:00:00 .. 24:00:00', 'each tick starts by up to so much later, always the same for the same tick'),
    ('schedule', 'overlap', 'text', 'allow', 'allow | skip | buffer_one', 'a tick that finds the last workflow open: starts another, is skipped, or waits for its end (one tick; others are skipped)'),
    ('schedule', 'backfill', 'text', 'none', 'none | last | all', 'of the ticks that are more than a minute late, as the server was down: which start'),
    ('schedule', 'backfill_window', 'interval', '1 day', '00:00:00 ..', 'ticks that are later than this are missed, whatever backfill says'),
    ('schedule', 'starts_at', 'timestamp with time zone', NULL, NULL, 'no tick before it'),
    ('schedule', 'ends_at', 'timestamp with time zone', NULL, NULL, 'no tick after it');
COMMENT ON VIEW standin_private.schedule_option IS 'options of schedules';

CREATE FUNCTION standin_private.schedule_next(cron text, time_zone text, after timestamptz) RETURNS timestamptz
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'standin_schedule_next';
COMMENT ON FUNCTION standin_private.schedule_next(text, text, timestamptz) IS 'The first tick after a time, or null if there is none within a hundred years. Error: 22023 the expression or the time zone is wrong';

CREATE FUNCTION standin_private.schedule_jitter(schedule text, tick timestamptz, jitter bigint) RETURNS bigint
LANGUAGE c STRICT IMMUTABLE AS 'MODULE_PATHNAME', 'standin_schedule_jitter';
COMMENT ON FUNCTION standin_private.schedule_jitter(text, timestamptz, bigint) IS 'The part of the jitter that a tick gets, in microseconds as the jitter.';

CREATE FUNCTION standin_private.schedule_start(role name, workflow text, id text, input jsonb) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_schedule_start';
COMMENT ON FUNCTION standin_private.schedule_start(name, text, text, jsonb) IS 'Starts a workflow as the role, with its rights and no others.';

CREATE FUNCTION standin_private.schedule_tick_id(schedule text, tick timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT schedule || to_char(tick AT TIME ZONE 'UTC', '"@"YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;
COMMENT ON FUNCTION standin_private.schedule_tick_id(text, timestamptz) IS 'The id of a tick''s workflow.';

CREATE FUNCTION standin_private.schedule_is_open(workflow_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM standin_private.workflow_run r WHERE r.workflow_id = schedule_is_open.workflow_id AND r.status = 'open')
$$;
COMMENT ON FUNCTION standin_private.schedule_is_open(text) IS 'Whether the workflow that a schedule has started last has not ended.';

CREATE FUNCTION standin_private.schedule_first_tick(s standin_private.schedule) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.tick FROM (SELECT standin_private.schedule_next(s.cron, s.time_zone, greatest(s.decided_until, s.starts_at - interval '1 microsecond')) AS tick) n
    WHERE s.ends_at IS NULL OR n.tick <= s.ends_at
$$;
COMMENT ON FUNCTION standin_private.schedule_first_tick(standin_private.schedule) IS 'The first tick of a schedule that is not decided, or null if there is none any more.';

CREATE FUNCTION standin_private.schedule_validate(s standin_private.schedule) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF length(s.schedule) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'name of a schedule must have 1 to 200 characters' USING ERRCODE = 'invalid_name';
    ELSIF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = s.time_zone) THEN
        RAISE EXCEPTION 'time zone "%" is not known', s.time_zone USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The view pg_timezone_names lists them.';
    ELSIF NOT isfinite(s.starts_at) OR NOT isfinite(s.ends_at) THEN
        RAISE EXCEPTION 'starts_at and ends_at of schedule "%" must be finite', s.schedule USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave them out, or take them away with standin.schedule_reset.';
    ELSIF s.starts_at > s.ends_at THEN
        RAISE EXCEPTION 'schedule "%" ends before it starts', s.schedule USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF standin_private.schedule_next(s.cron, s.time_zone, standin_private.clock_now()) IS NULL THEN
        RAISE EXCEPTION 'cron expression "%" never comes', s.cron USING ERRCODE = 'invalid_parameter_value',
            HINT = 'No month that it names has such a day.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.schedule_validate(standin_private.schedule) IS 'an error if the options of a schedule are wrong';

CREATE FUNCTION standin_private.schedule_require(name text) RETURNS standin_private.schedule
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asker name := standin_private.caller();
    kept standin_private.schedule;
BEGIN
    PERFORM standin_private.argument_require('name', schedule_require.name);
    SELECT * INTO kept FROM standin_private.schedule s WHERE s.schedule = schedule_require.name
       AND (pg_has_role(asker, 'standin_admin', 'USAGE') OR pg_has_role(asker, to_regrole(quote_ident(s.role)), 'USAGE'))
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN -- no word about whether it is somebody else's
        RAISE EXCEPTION 'schedule "%" does not exist', schedule_require.name USING ERRCODE = 'undefined_object',
            HINT = 'The view standin.schedules lists those that you may see.';
    END IF;
    RETURN kept;
END $$;
COMMENT ON FUNCTION standin_private.schedule_require(text) IS 'Locks a schedule that the caller may change. Error: 42704';

CREATE FUNCTION standin_private.schedule_try(s standin_private.schedule) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_start(s.role, s.workflow, gen_random_uuid()::text, s.input);
    RAISE EXCEPTION USING ERRCODE = 'SX000';
EXCEPTION WHEN SQLSTATE 'SX000' THEN
    NULL; -- it can be started; what did is undone
END $$;
COMMENT ON FUNCTION standin_private.schedule_try(standin_private.schedule) IS 'Raises what a start would, and starts nothing.';

CREATE FUNCTION standin_private.schedule_settle(name text, decided timestamptz) RETURNS standin_private.schedule
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.schedule;
BEGIN
    UPDATE standin_private.schedule t SET decided_until = greatest(t.decided_until, decided), failures = 0, error_sqlstate = NULL,
           error_message = NULL, error_at = NULL
     WHERE t.schedule = schedule_settle.name RETURNING t.* INTO STRICT s;
    s.next_tick := standin_private.schedule_first_tick(s);
    s.due_at := CASE WHEN s.paused_at IS NULL THEN least(
        s.next_tick + interval '1 microsecond'
        * standin_private.schedule_jitter(s.schedule, s.next_tick, (extract(epoch FROM s.jitter) * 1000000)::bigint),
        CASE WHEN s.buffered_tick IS NOT NULL THEN standin_private.clock_now() END) END;
    UPDATE standin_private.schedule t SET next_tick = s.next_tick, due_at = s.due_at WHERE t.schedule = s.schedule;
    PERFORM standin_private.wake('schedule');
    PERFORM standin_private.wake('supervisor');
    RETURN s;
END $$;
COMMENT ON FUNCTION standin_private.schedule_settle(text, timestamptz) IS 'After a change: works out when the scheduler has to look next, and wakes it. No tick up to `decided` will start any more (null: as before).';

CREATE FUNCTION standin_private.schedule_write(name text, role name, given jsonb, make boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asker name := standin_private.caller();
    noted jsonb := '{}';
    before standin_private.schedule;
    s standin_private.schedule;
BEGIN
    PERFORM standin_private.argument_require('name', schedule_write.name);
    IF make THEN
        noted := jsonb_build_object('role', coalesce(schedule_write.role, asker));
    ELSE
        before := standin_private.schedule_require(schedule_write.name);
        noted := jsonb_build_object('role', coalesce(schedule_write.role, before.role));
    END IF;
    IF make OR schedule_write.role IS NOT NULL OR given ?| '{workflow,input}' THEN
        PERFORM standin_private.schedule_role_require(asker, (noted ->> 'role')::name), standin_private.schedule_role_require(asker, before.role);
    END IF;
    PERFORM standin_private.option_write('schedule', jsonb_build_object('schedule', schedule_write.name), given, make, noted);
    s := standin_private.schedule_settle(schedule_write.name, CASE WHEN make OR given ?| '{cron,time_zone,starts_at}' THEN standin_private.clock_now() END);
    IF s.next_tick IS NULL AND (make OR given ?| '{cron,time_zone,starts_at,ends_at}') THEN
        RAISE EXCEPTION 'schedule "%" has no tick before it ends', s.schedule USING ERRCODE = 'invalid_parameter_value',
            HINT = 'See standin.schedule_preview(cron, time_zone, from_time) and ends_at.';
    ELSIF make OR schedule_write.role IS NOT NULL OR given ?| '{workflow,input}' THEN
        PERFORM standin_private.schedule_try(s);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.schedule_write(text, name, jsonb, boolean) IS 'makes a schedule (make), or alters it. What one starts is changed only by who has the rights of its role';

CREATE FUNCTION standin_private.schedule_role_require(asker name, role name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = schedule_role_require.role) THEN
        RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
    ELSIF NOT pg_has_role(asker, role, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied to schedule workflows of role "%"', role USING ERRCODE = 'insufficient_privilege',
            HINT = 'What a schedule starts runs with the rights of its role. A member of that role may say what it is.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.schedule_role_require(name, name) IS 'Raises 42501 if the first role has not the rights of the second, 42704 if there is no such role.';

CREATE FUNCTION standin.schedule_create(
    name text, workflow text, cron text, input jsonb DEFAULT NULL, time_zone text DEFAULT NULL, jitter interval DEFAULT NULL,
    overlap text DEFAULT NULL, backfill text DEFAULT NULL, backfill_window interval DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, role name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_write(name, role, standin_private.option_given(jsonb_build_object(
        'workflow', workflow, 'cron', cron, 'input', input, 'time_zone', time_zone, 'jitter', jitter, 'overlap', overlap,
        'backfill', backfill, 'backfill_window', backfill_window, 'starts_at', starts_at, 'ends_at', ends_at)), true);
END $$;
COMMENT ON FUNCTION standin.schedule_create IS 'starts a workflow at each tick of a cron expression, once a tick: its id is the schedule''s name, @ and the tick in UTC. cron: 5 fields (minute, hour, day of the month, month, day of the week), 6 with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly, of the clocks of time_zone (UTC). jitter: a tick starts by up to so much later (0; at most 24 hours). overlap, if the last workflow is open: ''allow'' (starts another), ''skip'', ''buffer_one'' (one tick waits for the end). backfill, of ticks more than a minute late: ''none'', ''last'', ''all'', if not later than backfill_window (1 day). No ticks before starts_at and after ends_at. role: as whom the workflows start (the caller; or a role whose rights the caller has). Errors: 42710 exists, 22023 a wrong expression, time zone or option, or no tick ever, 42704 unknown workflow or role, 42501 the role may not start it';

CREATE FUNCTION standin.schedule_alter(
    name text, workflow text DEFAULT NULL, cron text DEFAULT NULL, input jsonb DEFAULT NULL, time_zone text DEFAULT NULL,
    jitter interval DEFAULT NULL, overlap text DEFAULT NULL, backfill text DEFAULT NULL, backfill_window interval DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, role name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_write(name, role, standin_private.option_given(jsonb_build_object(
        'workflow', workflow, 'cron', cron, 'input', input, 'time_zone', time_zone, 'jitter', jitter, 'overlap', overlap,
        'backfill', backfill, 'backfill_window', backfill_window, 'starts_at', starts_at, 'ends_at', ends_at)), false);
END $$;
COMMENT ON FUNCTION standin.schedule_alter IS 'changes what is given of a schedule, as schedule_create. With another cron, time_zone or starts_at the next tick is the first after now. workflow, input and role are changed by who has the rights of its role only. Errors: 42704 unknown schedule, workflow or role, 22023 an option out of range, 42501 the role may not start the workflow, or the caller may not say what it starts';

CREATE FUNCTION standin.schedule_reset(name text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_write(name, NULL, standin_private.option_defaults('schedule', option), false);
END $$;
COMMENT ON FUNCTION standin.schedule_reset(text, text[]) IS 'brings options of a schedule back to their defaults. Errors: 42704 unknown schedule or option, 22023 an option without a default';

CREATE FUNCTION standin.schedule_drop(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_require(schedule_drop.name);
    DELETE FROM standin_private.schedule s WHERE s.schedule = schedule_drop.name;
    PERFORM standin_private.wake('schedule');
END $$;
COMMENT ON FUNCTION standin.schedule_drop(text) IS 'takes a schedule away; what it has started goes on. One made later under the same name starts no tick again. Error: 42704 unknown schedule';

CREATE FUNCTION standin.schedule_pause(name text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_require(schedule_pause.name), standin_private.argument_require('reason', reason);
    IF btrim(reason) = '' THEN
        RAISE EXCEPTION 'a pause needs a reason' USING ERRCODE = 'invalid_parameter_value', HINT = 'The view standin.schedules shows it.';
    END IF;
    UPDATE standin_private.schedule s SET due_at = NULL, paused_at = coalesce(s.paused_at, standin_private.clock_now()),
           paused_by = standin_private.caller(), paused_reason = reason
     WHERE s.schedule = schedule_pause.name;
    PERFORM standin_private.wake('schedule');
END $$;
COMMENT ON FUNCTION standin.schedule_pause(text, text) IS 'starts nothing until schedule_resume; what runs goes on. Errors: 42704 unknown schedule, 22023 no reason';

CREATE FUNCTION standin.schedule_resume(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.schedule := standin_private.schedule_require(schedule_resume.name);
BEGIN
    UPDATE standin_private.schedule t SET paused_at = NULL, paused_by = NULL, paused_reason = NULL WHERE t.schedule = s.schedule;
    PERFORM standin_private.schedule_settle(s.schedule, CASE WHEN s.paused_at IS NOT NULL THEN standin_private.clock_now() END);
END $$;
COMMENT ON FUNCTION standin.schedule_resume(text) IS 'ends a pause. Ticks that came meanwhile are not made up; a buffered one is. Tries at once again what failed. Error: 42704 unknown schedule';

CREATE FUNCTION standin.schedule_trigger_now(name text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.schedule := standin_private.schedule_require(schedule_trigger_now.name);
    present timestamptz := standin_private.clock_now();
    id text := s.schedule || to_char(present AT TIME ZONE 'UTC', '"@"YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
BEGIN
    IF s.overlap <> 'allow' AND standin_private.schedule_is_open(s.last_workflow) THEN
        RAISE EXCEPTION 'the last workflow of schedule "%" is open', s.schedule USING ERRCODE = 'object_in_use',
            DETAIL = format('It is %s, and overlap is %s.', s.last_workflow, s.overlap);
    END IF;
    PERFORM standin_private.schedule_start(s.role, s.workflow, id, s.input);
    UPDATE standin_private.schedule t SET last_workflow = id, last_started_at = present, started = t.started + 1 WHERE t.schedule = s.schedule;
    RETURN id;
END $$;
COMMENT ON FUNCTION standin.schedule_trigger_now(text) IS 'starts the workflow of a schedule now, beside its ticks, paused or not, as its role; returns the workflow''s id. Errors: 42704 unknown schedule, 55006 its last workflow is open and overlap is not ''allow'', and those of workflow_start';

CREATE FUNCTION standin.schedule_preview(cron text, time_zone text DEFAULT 'UTC', from_time timestamptz DEFAULT NULL, count integer DEFAULT 10)
RETURNS TABLE (tick timestamptz, local_time timestamp)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('cron', cron), standin_private.argument_require('time_zone', time_zone),
            standin_private.argument_require('count', count::text);
    IF count NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'count must be between 1 and 1000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    tick := coalesce(from_time, standin_private.clock_now()) - interval '1 microsecond';
    FOR i IN 1 .. count LOOP
        tick := standin_private.schedule_next(cron, time_zone, tick);
        EXIT WHEN tick IS NULL;
        local_time := tick AT TIME ZONE time_zone;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin.schedule_preview(text, text, timestamptz, integer) IS 'the first ticks of a cron expression from a time on (now), at most 1000 (10), with what the clocks of the time zone (UTC) show then. Errors: 22023 a wrong expression, whose hint shows the place, or time zone';

CREATE VIEW standin.schedules WITH (security_barrier) AS
SELECT s.schedule, s.workflow, s.cron, s.time_zone, s.role,
       CASE WHEN s.paused_at IS NOT NULL THEN 'paused' WHEN s.failures > 0 THEN 'failing'
            WHEN s.next_tick IS NULL AND s.buffered_tick IS NULL THEN 'ended' ELSE 'active' END AS status,
       s.next_tick, CASE WHEN s.paused_at IS NULL THEN s.due_at END AS due_at, s.last_tick, s.last_started_at, s.last_workflow,
       CASE WHEN r.status IS NOT NULL THEN standin_private.workflow_status(r.status, t.token, t.worker, t.waiting, t.ending IS NOT NULL, r.submitter) END AS last_status,
       s.started, s.missed, s.skipped, s.buffered_tick, s.paused_at, s.paused_by, s.paused_reason,
       s.failures, s.error_sqlstate, s.error_message, s.error_at, s.input, s.created_at
  FROM standin_private.schedule s
  LEFT JOIN standin_private.workflow_run r ON r.workflow_id = s.last_workflow
  LEFT JOIN standin_private.workflow_task t ON t.workflow_id = s.last_workflow
 WHERE pg_has_role(to_regrole(quote_ident(s.role)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE') OR pg_has_role('standin_admin', 'USAGE'));
COMMENT ON VIEW standin.schedules IS 'schedules of the reader''s roles; operators, auditors and admins see all. Their options are in standin.options too';
COMMENT ON COLUMN standin.schedules.status IS 'active, paused, failing (the last start failed, see error_*; it is tried again), ended (no tick after ends_at)';
COMMENT ON COLUMN standin.schedules.due_at IS 'when something happens next: the next tick with its jitter, or another try; null while paused and when ended';
COMMENT ON COLUMN standin.schedules.last_tick IS 'the last tick that started a workflow';
COMMENT ON COLUMN standin.schedules.last_workflow IS 'started last, by a tick or by schedule_trigger_now';
COMMENT ON COLUMN standin.schedules.last_status IS 'of last_workflow, as in standin.workflows; null: it is there no more';
COMMENT ON COLUMN standin.schedules.missed IS 'ticks that never started: more than a minute late and not made up (see backfill), or their id was taken';
COMMENT ON COLUMN standin.schedules.skipped IS 'ticks that found the last workflow open, see overlap';
COMMENT ON COLUMN standin.schedules.buffered_tick IS 'waits for the end of the last workflow';
COMMENT ON COLUMN standin.schedules.failures IS 'starts that have failed in a row';

-- A name of its own for the one worker; what it starts runs elsewhere.
CREATE VIEW standin_private.schedule_workers AS
SELECT 'scheduler'::text AS kind, 'schedules'::text AS key, NULL::oid AS role, false AS outward
 WHERE EXISTS (SELECT FROM standin_private.schedule WHERE due_at IS NOT NULL);
COMMENT ON VIEW standin_private.schedule_workers IS 'one scheduler while there is a schedule that is neither paused nor ended';

GRANT EXECUTE ON FUNCTION standin.schedule_create, standin.schedule_alter, standin.schedule_reset, standin.schedule_drop,
      standin.schedule_pause, standin.schedule_resume, standin.schedule_trigger_now TO standin_app, standin_admin;
GRANT EXECUTE ON FUNCTION standin.schedule_preview TO standin_app, standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.schedules TO standin_app, standin_operator, standin_auditor, standin_admin;
