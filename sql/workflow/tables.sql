CREATE TABLE standin_private.workflow_definition (
    name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    version integer NOT NULL CHECK (version > 0),
    -- The qualified name, not an oid nor a regprocedure: dumps restore it and pg_upgrade accepts it.
    procedure text,
    returns_output boolean NOT NULL DEFAULT false,
    source_hash text,
    recovery_limit integer NOT NULL CHECK (recovery_limit > 0),
    defined_by name NOT NULL DEFAULT session_user,
    defined_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    -- The copy of the procedure that this version runs, whatever becomes of the procedure. Null if it was defined before
    -- there were copies and could not get one: then the procedure itself, if it still has that source.
    code text,
    step_limit integer NOT NULL DEFAULT 10000 CHECK (step_limit > 0),
    PRIMARY KEY (name, version),
    CHECK ((procedure IS NULL) = (source_hash IS NULL)),
    CHECK (procedure IS NOT NULL OR NOT returns_output)
);
COMMENT ON TABLE standin_private.workflow_definition IS
    'Versions of workflow definitions; a run is pinned to one; kept whole';

CREATE TABLE standin_private.workflow_run (
    workflow_id text PRIMARY KEY CHECK (workflow_id <> '' AND length(workflow_id) <= 500),
    name text NOT NULL,
    version integer NOT NULL,
    submitter name NOT NULL, -- a name in all tables: the number of a role that was dropped may be another's after a restore
    input jsonb,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'completed', 'failed', 'dead', 'cancelled')),
    token bigint,
    output jsonb,
    error jsonb,
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    finished_at timestamptz,
    parent text, -- the workflow of whose steps one started it
    CHECK ((status = 'open') = (finished_at IS NULL)),
    CHECK ((status = 'open') = (token IS NULL)),
    CHECK ((status IN ('failed', 'dead', 'cancelled')) = (error IS NOT NULL)),
    CHECK (output IS NULL OR status = 'completed')
) WITH (fillfactor = 80);
COMMENT ON TABLE standin_private.workflow_run IS
    'One row a workflow, written at its start and once more at its end: no index on anything that changes, so that update stays in the page; distributed by workflow_id';

CREATE INDEX workflow_run_parent ON standin_private.workflow_run (parent) WHERE parent IS NOT NULL;

CREATE TABLE standin_private.workflow_task (
    workflow_id text PRIMARY KEY REFERENCES standin_private.workflow_run ON DELETE CASCADE,
    name text NOT NULL,
    form text NOT NULL CHECK (form IN ('database', 'external')),
    submitter name NOT NULL,
    -- When it may be claimed: what is ready is so since -infinity, whatever a clock says, and is taken in the order of seq. A
    -- claim moves it to the end of the lease (an executor's claim to infinity: its end is known at once), so that a scan for
    -- work never walks over what is running.
    available_at timestamptz NOT NULL DEFAULT '-infinity',
    seq bigint GENERATED ALWAYS AS IDENTITY,
    token bigint NOT NULL DEFAULT 0 CHECK (token >= 0),
    worker text,
    claimed_by name,
    progress integer NOT NULL DEFAULT 0 CHECK (progress >= 0),
    stalls integer NOT NULL DEFAULT 0 CHECK (stalls >= 0),
    last_error jsonb,
    claimed_at timestamptz,
    -- What it waits for, until available_at at the latest, with no worker. What is due is ready again.
    waiting text CHECK (waiting IN ('start', 'sleep', 'retry', 'message', 'event', 'workflow', 'paused', 'blocked')),
    waiting_for text,            -- the topic, the event, the other workflow
    wait_seq integer,            -- the step that began to wait, and when its time is over: a crash does not prolong it
    wait_until timestamptz,
    suspended boolean NOT NULL DEFAULT false, -- it left its worker by itself: the next claim is no recovery
    control jsonb,               -- what was asked for while a worker had it: {"action": "cancel" | "pause", ...}
    ending jsonb,                -- how it ends once its compensations have run: {"status": ..., "error": ...}
    CHECK ((token = 0) = (claimed_at IS NULL)),
    CHECK ((token = 0) = (claimed_by IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE standin_private.workflow_task IS
    'Open workflows only: who works on each, until when, under which fencing token; distributed by workflow_id';
CREATE INDEX workflow_task_waiting ON standin_private.workflow_task (available_at) WHERE waiting IS NOT NULL AND form = 'database';
CREATE INDEX workflow_task_awaiting ON standin_private.workflow_task (workflow_id) WHERE waiting = 'workflow';
-- What could run or does: a role with a million sleepers has few of these.
CREATE INDEX workflow_task_awake ON standin_private.workflow_task (submitter) WHERE form = 'database' AND waiting IS NULL;
CREATE INDEX workflow_task_waiting_for ON standin_private.workflow_task (waiting_for) WHERE waiting_for IS NOT NULL;
CREATE INDEX workflow_task_external ON standin_private.workflow_task (name, available_at, seq) WHERE form = 'external';
CREATE INDEX workflow_task_database ON standin_private.workflow_task (submitter, available_at, seq) WHERE form = 'database';

-- No foreign key to the run: it would cost each step a lookup and a row lock. The row can only be written under the task's
-- token, and the task has the key. No CHECK either: PostgreSQL parses its expression anew for each statement, a quarter of
-- what a step costs; who writes here checks the name.
CREATE TABLE standin_private.workflow_step (
    workflow_id text NOT NULL,
    seq integer NOT NULL,
    name text NOT NULL,
    external boolean NOT NULL,
    input_hash bigint NOT NULL,
    output jsonb,
    started_at timestamptz,
    recorded_at timestamptz NOT NULL,
    kind text NOT NULL DEFAULT 'step', -- what was called: step, sleep, recv...
    PRIMARY KEY (workflow_id, seq)
);
COMMENT ON TABLE standin_private.workflow_step IS
    'The step log, append-only: a row is written in the transaction of the step''s effect; distributed by workflow_id';
CREATE UNIQUE INDEX workflow_step_external ON standin_private.workflow_step (workflow_id, name) WHERE external;

CREATE TABLE standin_private.workflow_attempt (
    workflow_id text NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    attempt integer NOT NULL CHECK (attempt > 0),
    name text NOT NULL,
    error jsonb NOT NULL,
    failed_at timestamptz NOT NULL,
    PRIMARY KEY (workflow_id, seq, attempt)
);
COMMENT ON TABLE standin_private.workflow_attempt IS
    'Failed attempts of steps, recorded when they fail; distributed by workflow_id';

-- Written with the step, run in reverse order if the workflow does not complete.
CREATE TABLE standin_private.workflow_compensation (
    workflow_id text NOT NULL,
    seq integer NOT NULL,
    handler text NOT NULL,
    input jsonb,
    done_at timestamptz,
    output jsonb,
    PRIMARY KEY (workflow_id, seq)
);
COMMENT ON TABLE standin_private.workflow_compensation IS
    'What undoes a recorded step, and when it has; distributed by workflow_id';

CREATE TABLE standin_private.workflow_role (
    role name PRIMARY KEY
);
COMMENT ON TABLE standin_private.workflow_role IS
    'Roles that have started an in-database workflow: each gets one executor, connected as that role; kept whole';

-- By row: a start that finds its role here wakes nobody. A trigger, so that a restore wakes the supervisor too.
CREATE TRIGGER wake AFTER INSERT OR DELETE ON standin_private.workflow_role
    FOR EACH ROW EXECUTE FUNCTION standin_private.wake_trigger('supervisor');

CREATE FUNCTION standin_private.workflow_run_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status <> 'open' THEN
        RAISE EXCEPTION 'workflow "%" is already %', OLD.workflow_id, OLD.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF (NEW.workflow_id, NEW.name, NEW.created_at) IS DISTINCT FROM (OLD.workflow_id, OLD.name, OLD.created_at)
       OR NEW.input IS DISTINCT FROM OLD.input
       OR NEW.submitter <> OLD.submitter AND to_regrole(quote_ident(OLD.submitter)) IS NOT NULL THEN -- see workflow_reassign
        RAISE EXCEPTION 'what workflow "%" was started with cannot be changed', OLD.workflow_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION standin_private.workflow_run_guard() IS 'A finished workflow stays as it is, and so does the input of any.';
CREATE TRIGGER workflow_run_guard BEFORE UPDATE ON standin_private.workflow_run
    FOR EACH ROW EXECUTE FUNCTION standin_private.workflow_run_guard();

CREATE FUNCTION standin_private.workflow_step_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a recorded step cannot be changed' USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
COMMENT ON FUNCTION standin_private.workflow_step_guard() IS 'The step log is append-only.';
CREATE TRIGGER workflow_step_guard BEFORE UPDATE ON standin_private.workflow_step
    FOR EACH ROW EXECUTE FUNCTION standin_private.workflow_step_guard();
