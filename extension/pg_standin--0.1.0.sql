\echo Use "CREATE EXTENSION pg_standin" to load this file. \quit

-- sql/kernel/begin.sql
SET LOCAL search_path = pg_catalog, pg_temp;

-- Functions in C only exist in a library that was loaded at server start: its workers and shared memory are made there.
DO $$
BEGIN
    IF NOT 'pg_standin' = ANY (SELECT trim(both ' "' FROM library)
                               FROM unnest(string_to_array(current_setting('shared_preload_libraries'), ',')) AS library) THEN
        RAISE EXCEPTION 'pg_standin must be loaded at server start'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add pg_standin to shared_preload_libraries in postgresql.conf and restart the server.';
    END IF;
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'pg_standin needs a database with encoding UTF8, this one has %', current_setting('server_encoding')
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Change events are UTF-8. Create a database with ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END $$;

-- Roles belong to the whole server and outlive the extension.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['standin_owner', 'standin_app', 'standin_operator', 'standin_approver',
                                     'standin_auditor', 'standin_admin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'standin_owner' AND (rolsuper OR rolcanlogin)) THEN
        RAISE EXCEPTION 'role standin_owner must be neither superuser nor able to log in'
            USING ERRCODE = 'invalid_grant_operation',
                  HINT = 'It owns the tables of pg_standin and runs its statements: ALTER ROLE standin_owner NOSUPERUSER NOLOGIN.';
    END IF;
END $$;

CREATE SCHEMA standin;
COMMENT ON SCHEMA standin IS 'pg_standin: what applications, operators and auditors call and read';
CREATE SCHEMA standin_private;
COMMENT ON SCHEMA standin_private IS 'pg_standin: its tables and helpers; not for direct use';

GRANT USAGE ON SCHEMA standin TO standin_app, standin_operator, standin_approver, standin_auditor, standin_admin;

CREATE FUNCTION standin.version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'standin_library_version';
COMMENT ON FUNCTION standin.version() IS 'version of the loaded library; the SQL objects have that of pg_extension.extversion';

CREATE FUNCTION standin_private.wake(channel text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_wake';
COMMENT ON FUNCTION standin_private.wake(text) IS 'at the commit of this transaction, wakes the workers or sessions that listen to the channel';

CREATE FUNCTION standin_private.wake_trigger() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_wake_trigger';
COMMENT ON FUNCTION standin_private.wake_trigger() IS 'statement trigger: wakes the channels given as its arguments at commit';

CREATE FUNCTION standin_private.clock_now() RETURNS timestamptz
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_clock_now';
COMMENT ON FUNCTION standin_private.clock_now() IS 'the product''s one clock: that of the server, unless a test advanced it';

-- sql/kernel/instance.sql
-- Which server may speak to cores and Kafka. A row is valid until an adoption supersedes it; all valid rows must fit the
-- server. So the row that a dump brings along keeps the restored copy silent, whatever row its CREATE EXTENSION made.
CREATE TABLE standin_private.instance (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    setting text,
    system_identifier text NOT NULL,
    host text NOT NULL,
    data_directory text NOT NULL,
    database_oid oid NOT NULL,
    timeline integer NOT NULL,
    bound_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bound_by name NOT NULL DEFAULT session_user,
    reason text NOT NULL,
    superseded_by uuid
);
COMMENT ON TABLE standin_private.instance IS 'servers that were bound to the outside, and by whom; kept whole';

CREATE FUNCTION standin_private.instance_observed(
    OUT setting text, OUT system_identifier text, OUT host text, OUT data_directory text, OUT timeline integer)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_instance_observed';
COMMENT ON FUNCTION standin_private.instance_observed() IS 'what this server is: facts the instance guard compares';

CREATE FUNCTION standin_private.timeline_descends(ancestor integer) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_timeline_descends';
COMMENT ON FUNCTION standin_private.timeline_descends(integer) IS 'whether this server''s timeline is the given one or a promotion of it';

CREATE FUNCTION standin_private.instance_refusal() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here record;
    bound standin_private.instance;
BEGIN
    here := standin_private.instance_observed();
    IF NOT EXISTS (SELECT FROM standin_private.instance i WHERE i.superseded_by IS NULL) THEN
        RETURN 'no server is bound';
    END IF;
    FOR bound IN SELECT * FROM standin_private.instance i WHERE i.superseded_by IS NULL LOOP
        IF bound.setting IS NOT NULL THEN
            IF here.setting IS DISTINCT FROM bound.setting THEN
                RETURN format('bound to instance "%s", pg_standin.instance is "%s"', bound.setting, coalesce(here.setting, ''));
            ELSIF NOT standin_private.timeline_descends(bound.timeline) THEN
                RETURN format('bound on timeline %s, of which timeline %s is no promotion', bound.timeline, here.timeline);
            END IF;
        ELSIF here.system_identifier <> bound.system_identifier THEN
            RETURN format('bound to system identifier %s, this server has %s', bound.system_identifier, here.system_identifier);
        ELSIF here.host <> bound.host OR here.data_directory <> bound.data_directory THEN
            RETURN format('bound to %s on host %s, this is %s on host %s', bound.data_directory, bound.host,
                          here.data_directory, here.host);
        ELSIF (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) <> bound.database_oid THEN
            RETURN format('bound to another database (oid %s), of which this is a copy', bound.database_oid);
        ELSIF here.timeline <> bound.timeline THEN
            RETURN format('bound on timeline %s, this server is on timeline %s: promoted or restored', bound.timeline, here.timeline);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.instance_refusal() IS 'why nothing may leave this server, or null';

CREATE FUNCTION standin_private.instance_bind(why text) RETURNS uuid
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.instance (setting, system_identifier, host, data_directory, database_oid, timeline, reason)
    SELECT o.setting, o.system_identifier, o.host, o.data_directory, d.oid, o.timeline, why
    FROM standin_private.instance_observed() o, pg_database d WHERE d.datname = current_database()
    RETURNING id
$$;
COMMENT ON FUNCTION standin_private.instance_bind(text) IS 'binds the outside to this server';

CREATE FUNCTION standin.instance_adopt(reason text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    adopted uuid;
BEGIN
    IF coalesce(trim(reason), '') = '' THEN
        RAISE EXCEPTION 'an adoption needs a reason' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say why the server that was bound before will never send again.';
    END IF;
    LOCK TABLE standin_private.instance IN EXCLUSIVE MODE;
    adopted := standin_private.instance_bind(reason);
    UPDATE standin_private.instance SET superseded_by = adopted WHERE superseded_by IS NULL AND id <> adopted;
    PERFORM standin_private.wake('supervisor');
    RETURN adopted;
END $$;
COMMENT ON FUNCTION standin.instance_adopt(text) IS 'lets this server speak to cores and Kafka from now on, instead of the one that was bound before: only when that one is gone for good. Errors: 22023 without a reason';

CREATE VIEW standin.instance AS
SELECT i.id, i.setting, i.system_identifier, i.host, i.data_directory, i.timeline, i.bound_at, i.bound_by, i.reason,
       i.superseded_by, standin_private.instance_refusal() AS refusal
FROM standin_private.instance i;
COMMENT ON VIEW standin.instance IS 'servers bound to the outside; refusal says why nothing leaves this one, null if it may';

GRANT EXECUTE ON FUNCTION standin.instance_adopt(text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.instance_refusal() TO standin_operator, standin_auditor, standin_admin; -- for the view
GRANT SELECT ON standin.instance TO standin_operator, standin_auditor, standin_admin;

-- sql/kernel/workers.sql
CREATE TABLE standin_private.worker_mark (
    kind text NOT NULL,
    key text NOT NULL,
    started_at timestamptz NOT NULL,
    crashes integer NOT NULL DEFAULT 0 CHECK (crashes >= 0),
    PRIMARY KEY (kind, key)
);
COMMENT ON TABLE standin_private.worker_mark IS 'workers started a moment ago; a mark that outlives the server names a suspect of its crash; kept whole';

CREATE FUNCTION standin_private.stat_worker(
    OUT kind text, OUT key text, OUT role oid, OUT state text, OUT detail text, OUT pid integer, OUT since timestamptz,
    OUT restarts integer, OUT error_sqlstate text, OUT last_error text, OUT error_at timestamptz, OUT outward boolean)
RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'standin_stat_worker';
COMMENT ON FUNCTION standin_private.stat_worker() IS 'the registry of workers in shared memory, this database''s part';

CREATE VIEW standin.stat_worker AS
SELECT w.kind, w.key, r.rolname AS role, w.state, w.detail, w.pid, w.since, w.restarts, w.error_sqlstate, w.last_error,
       w.error_at, w.outward
FROM standin_private.stat_worker() w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin.stat_worker IS 'the background workers of this database, running or not';
COMMENT ON COLUMN standin.stat_worker.state IS 'the worker''s own word (running, paused...), or: starting, stopped, crashed, held (suspected of a server crash), refused (instance guard or role), no_slot (max_worker_processes)';
COMMENT ON COLUMN standin.stat_worker.restarts IS 'failures in a row';

GRANT EXECUTE ON FUNCTION standin_private.stat_worker() TO standin_operator, standin_auditor, standin_admin, pg_monitor; -- for the view
GRANT SELECT ON standin.stat_worker TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT USAGE ON SCHEMA standin TO pg_monitor;

-- sql/kernel/testing.sql
CREATE FUNCTION standin_private.clock_advance(step interval) RETURNS timestamptz
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_clock_advance';
COMMENT ON FUNCTION standin_private.clock_advance(interval) IS 'for tests: puts the product''s clock forward; superusers only, with pg_standin.allow_test_clock = on';

CREATE FUNCTION standin_private.crash_point_arm(name text, skip integer DEFAULT 0) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_crash_point_arm';
COMMENT ON FUNCTION standin_private.crash_point_arm(text, integer) IS 'for tests: the process that reaches the named point (after skip passes) kills itself; superusers only, test builds only';

-- sql/kernel/preflight.sql
CREATE FUNCTION standin.preflight(OUT check_name text, OUT status text, OUT found text, OUT advice text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.check_name, CASE WHEN c.good THEN 'ok' ELSE c.otherwise END, c.found, CASE WHEN NOT c.good THEN c.advice END
    FROM (VALUES
        ('library_version',
         standin.version() = (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_standin'), 'error',
         standin.version(), 'run ALTER EXTENSION pg_standin UPDATE, or restart the server with the matching library'),
        ('instance',
         standin_private.instance_refusal() IS NULL, 'error',
         coalesce(standin_private.instance_refusal(), 'bound to this server'),
         'call standin.instance_adopt(reason) if the server bound before is gone for good'),
        ('max_worker_processes',
         current_setting('max_worker_processes')::integer >= 4 + (SELECT count(*) FROM standin_private.worker_wanted), 'error',
         current_setting('max_worker_processes'), 'one launcher, one supervisor a database, one process a worker, and parallel query: raise it'),
        ('workers_without_slot',
         NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.state = 'no_slot'), 'error',
         (SELECT count(*)::text FROM standin_private.stat_worker() w WHERE w.state = 'no_slot'), 'raise max_worker_processes and restart'),
        ('fsync', current_setting('fsync') = 'on', 'error', current_setting('fsync'), 'with fsync off an accepted transaction can be lost'),
        ('full_page_writes', current_setting('full_page_writes') = 'on', 'error', current_setting('full_page_writes'), 'a torn page can lose an accepted transaction'),
        ('synchronous_standby_names', current_setting('synchronous_standby_names') <> '', 'warning',
         coalesce(nullif(current_setting('synchronous_standby_names'), ''), 'none'), 'without a synchronous standby the loss of this server''s disk loses what it accepted'),
        ('wal_level', current_setting('wal_level') <> 'minimal', 'warning', current_setting('wal_level'), 'no standby and no point-in-time recovery with minimal'),
        ('data_checksums', current_setting('data_checksums') = 'on', 'warning', current_setting('data_checksums'), 'enable with pg_checksums: a silent disk error is a lie about money'),
        ('encoding', current_setting('server_encoding') = 'UTF8', 'error', current_setting('server_encoding'), 'change events are UTF-8'),
        ('test_clock', current_setting('pg_standin.allow_test_clock') = 'off', 'warning', current_setting('pg_standin.allow_test_clock'), 'for tests only')
    ) AS c(check_name, good, otherwise, found, advice)
$$;
COMMENT ON FUNCTION standin.preflight() IS 'what is missing or unwise on this server, a row each: ok, warning or error, with advice';
GRANT EXECUTE ON FUNCTION standin.preflight() TO standin_operator, standin_auditor, standin_admin;

-- sql/workflow/tables.sql
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
    submitter regrole NOT NULL,
    input jsonb,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'completed', 'failed', 'dead')),
    token bigint,
    output jsonb,
    error jsonb,
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    finished_at timestamptz,
    CHECK ((status = 'open') = (finished_at IS NULL)),
    CHECK ((status = 'open') = (token IS NULL)),
    CHECK ((status IN ('failed', 'dead')) = (error IS NOT NULL)),
    CHECK (output IS NULL OR status = 'completed')
) WITH (fillfactor = 80);
COMMENT ON TABLE standin_private.workflow_run IS
    'One row a workflow, written at its start and once more at its end: no index on anything that changes, so that update stays in the page; distributed by workflow_id';

CREATE TABLE standin_private.workflow_task (
    workflow_id text PRIMARY KEY REFERENCES standin_private.workflow_run ON DELETE CASCADE,
    name text NOT NULL,
    form text NOT NULL CHECK (form IN ('database', 'external')),
    submitter regrole NOT NULL,
    -- When it may be claimed. A claim moves it to the end of the lease (an executor's claim to infinity: its end is known
    -- at once), so that a scan for work never walks over what is running.
    available_at timestamptz NOT NULL,
    token bigint NOT NULL DEFAULT 0 CHECK (token >= 0),
    worker text,
    claimed_by regrole,
    progress integer NOT NULL DEFAULT 0 CHECK (progress >= 0),
    stalls integer NOT NULL DEFAULT 0 CHECK (stalls >= 0),
    last_error jsonb,
    claimed_at timestamptz,
    CHECK ((token = 0) = (claimed_at IS NULL)),
    CHECK ((token = 0) = (claimed_by IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE standin_private.workflow_task IS
    'Open workflows only: who works on each, until when, under which fencing token; distributed by workflow_id';
CREATE INDEX workflow_task_external ON standin_private.workflow_task (name, available_at) WHERE form = 'external';
CREATE INDEX workflow_task_database ON standin_private.workflow_task (submitter, available_at) WHERE form = 'database';

-- No foreign key to the run: it would cost each step a lookup and a row lock. The row can only be written under the task's
-- token, and the task has the key.
CREATE TABLE standin_private.workflow_step (
    workflow_id text NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    external boolean NOT NULL,
    input_hash bigint NOT NULL,
    output jsonb,
    started_at timestamptz,
    recorded_at timestamptz NOT NULL,
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

CREATE TABLE standin_private.workflow_role (
    role regrole PRIMARY KEY
);
COMMENT ON TABLE standin_private.workflow_role IS
    'Roles that have started an in-database workflow: each gets one executor, connected as that role; kept whole';

CREATE FUNCTION standin_private.workflow_run_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status <> 'open' THEN
        RAISE EXCEPTION 'workflow "%" is already %', OLD.workflow_id, OLD.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF (NEW.workflow_id, NEW.name, NEW.submitter, NEW.created_at) IS DISTINCT FROM
       (OLD.workflow_id, OLD.name, OLD.submitter, OLD.created_at) OR NEW.input IS DISTINCT FROM OLD.input THEN
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

-- sql/workflow/functions.sql
CREATE FUNCTION standin_private.workflow_caller() RETURNS oid
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'standin_workflow_caller';
COMMENT ON FUNCTION standin_private.workflow_caller() IS
    'The role that the session acts as (SET ROLE counts), seen from inside a SECURITY DEFINER function.';

CREATE FUNCTION standin_private.workflow_input_hash(input jsonb) RETURNS bigint
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'standin_workflow_input_hash';
COMMENT ON FUNCTION standin_private.workflow_input_hash(jsonb) IS 'What the step log keeps of a step''s input.';

-- What both forms share ------------------------------------------------------------------------------------------------

CREATE FUNCTION standin_private.workflow_source_hash(procedure oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(sha256(convert_to(prosrc, 'UTF8')), 'hex') FROM pg_proc WHERE oid = procedure
$$;
COMMENT ON FUNCTION standin_private.workflow_source_hash(oid) IS 'SHA-256 of a procedure''s source.';

CREATE FUNCTION standin_private.workflow_procedure(qualified text, returns_output boolean) RETURNS oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname = (parse_ident(qualified))[1] AND p.proname = (parse_ident(qualified))[2] AND p.prokind = 'p'
       AND p.proargtypes = (CASE WHEN returns_output THEN '3802 3802' ELSE '3802' END)::oidvector -- 3802 is jsonb
$$;
COMMENT ON FUNCTION standin_private.workflow_procedure(text, boolean) IS
    'Finds the procedure of a definition without needing rights on its schema; NULL if it is gone.';

CREATE FUNCTION standin_private.workflow_flush() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_flush';
COMMENT ON FUNCTION standin_private.workflow_flush() IS 'This transaction''s commit waits for its flush, whatever synchronous_commit says.';

CREATE FUNCTION standin.workflow_define(name text, procedure regprocedure DEFAULT NULL, recovery_limit integer DEFAULT 10)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source record;
    wanted standin_private.workflow_definition;
    latest standin_private.workflow_definition;
BEGIN
    IF workflow_define.procedure IS NOT NULL THEN
        SELECT format('%I.%I', n.nspname, p.proname) AS qualified, p.prokind, p.prosecdef, p.proconfig, l.lanname,
               p.proargtypes::text AS argument_types, p.proargmodes[2] IS NOT DISTINCT FROM 'b' AS returns_output
          INTO STRICT source
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
         WHERE p.oid = workflow_define.procedure;
        IF source.prokind <> 'p' OR source.lanname <> 'plpgsql' THEN
            RAISE EXCEPTION '% is not a PL/pgSQL procedure', workflow_define.procedure USING ERRCODE = 'wrong_object_type';
        END IF;
        IF NOT (source.argument_types = '3802' OR source.argument_types = '3802 3802' AND source.returns_output) THEN
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
    wanted.returns_output := coalesce(wanted.returns_output, false);
    LOCK TABLE standin_private.workflow_definition IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO latest FROM standin_private.workflow_definition d
     WHERE d.name = workflow_define.name ORDER BY d.version DESC LIMIT 1;
    IF (latest.procedure, latest.source_hash, latest.returns_output, latest.recovery_limit) IS NOT DISTINCT FROM
       (wanted.procedure, wanted.source_hash, wanted.returns_output, workflow_define.recovery_limit) THEN
        RETURN latest.version;
    END IF;
    INSERT INTO standin_private.workflow_definition (name, version, procedure, returns_output, source_hash, recovery_limit)
    VALUES (workflow_define.name, coalesce(latest.version, 0) + 1, wanted.procedure, wanted.returns_output,
            wanted.source_hash, workflow_define.recovery_limit);
    RETURN coalesce(latest.version, 0) + 1;
END $$;
COMMENT ON FUNCTION standin.workflow_define(text, regprocedure, integer) IS
    'Defines a workflow, or its next version if anything about it changed, and returns the version. With a PL/pgSQL procedure (input jsonb [, INOUT output jsonb]) it runs inside the database; without one, application workers claim it. A workflow that was recovered recovery_limit times in a row without a new step is declared dead.';

CREATE FUNCTION standin.workflow_start(name text, id text DEFAULT NULL, input jsonb DEFAULT NULL)
RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_start';
COMMENT ON FUNCTION standin.workflow_start(text, text, jsonb) IS
    'Starts a workflow in the caller''s transaction and returns its id. The id is the idempotency key: starting again with the same name and input changes nothing, another name or input is an error. Without an id one is made.';

CREATE FUNCTION standin_private.workflow_finish(id text, token bigint, status text, output jsonb, error jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM standin_private.workflow_task t WHERE t.workflow_id = id AND t.token = workflow_finish.token;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE standin_private.workflow_run r
       SET status = workflow_finish.status, token = workflow_finish.token, output = workflow_finish.output,
           error = workflow_finish.error, finished_at = standin_private.clock_now()
     WHERE r.workflow_id = id;
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
BEGIN
    SELECT * INTO STRICT task FROM standin_private.workflow_task t WHERE t.workflow_id = id;
    reached := 0;
    stalled := 0;
    IF task.token > 0 THEN
        SELECT coalesce(max(s.seq), 0) INTO reached FROM standin_private.workflow_step s WHERE s.workflow_id = id;
        IF reached = task.progress THEN
            stalled := task.stalls + 1;
        END IF;
    END IF;
    UPDATE standin_private.workflow_task t
       SET token = t.token + 1, worker = workflow_lease.worker, claimed_by = holder, available_at = until, progress = reached, stalls = stalled,
           claimed_at = standin_private.clock_now()
     WHERE t.workflow_id = id;
    IF stalled > 0 THEN
        SELECT d.recovery_limit INTO STRICT recoveries
          FROM standin_private.workflow_run r JOIN standin_private.workflow_definition d USING (name, version)
         WHERE r.workflow_id = id;
        IF stalled > recoveries THEN
            PERFORM standin_private.workflow_finish(id, task.token + 1, 'dead', NULL, jsonb_build_object(
                'message', format('recovered %s times in a row without a new step', recoveries), 'step', reached + 1,
                'worker', task.worker, 'last_error', task.last_error));
            RETURN NULL;
        END IF;
    END IF;
    RETURN task.token + 1;
END $$;
COMMENT ON FUNCTION standin_private.workflow_lease(text, text, oid, timestamptz) IS
    'Gives a task, whose row the caller has locked, to a worker under a new token; NULL if it has exceeded its recovery limit and is now dead.';

-- The in-database form: what the executor asks -------------------------------------------------------------------------

-- The planner is told what it cannot know from a cached plan: the scan over the index stops at the first row.
CREATE FUNCTION standin_private.workflow_take(role oid, executor text)
RETURNS TABLE (workflow_id text, token bigint, recorded integer, name text, version integer, procedure text,
               returns_output boolean, source_hash text, actual_hash text, input jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    found_id text;
    given bigint;
BEGIN
    LOOP
        SELECT t.workflow_id INTO found_id FROM standin_private.workflow_task t
         WHERE t.form = 'database' AND t.submitter = role AND t.available_at <= standin_private.clock_now()
         ORDER BY t.available_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        given := standin_private.workflow_lease(found_id, executor, role, 'infinity');
        EXIT WHEN given IS NOT NULL;
    END LOOP;
    -- A workflow that has not done anything yet may move to the newest version if the body it was pinned to is gone.
    UPDATE standin_private.workflow_run r SET version = latest.version
      FROM standin_private.workflow_definition pinned,
           LATERAL (SELECT l.* FROM standin_private.workflow_definition l
                     WHERE l.name = pinned.name ORDER BY l.version DESC LIMIT 1) latest
     WHERE r.workflow_id = found_id AND pinned.name = r.name AND pinned.version = r.version
       AND latest.version <> pinned.version AND latest.procedure = pinned.procedure
       AND pinned.source_hash IS DISTINCT FROM standin_private.workflow_source_hash(
               standin_private.workflow_procedure(pinned.procedure, pinned.returns_output))
       AND NOT EXISTS (SELECT FROM standin_private.workflow_step s WHERE s.workflow_id = found_id)
       AND NOT EXISTS (SELECT FROM standin_private.workflow_attempt a WHERE a.workflow_id = found_id);
    RETURN QUERY
        SELECT r.workflow_id, given, t.progress, d.name, d.version, d.procedure, d.returns_output, d.source_hash,
               standin_private.workflow_source_hash(standin_private.workflow_procedure(d.procedure, d.returns_output)), r.input
          FROM standin_private.workflow_run r
          JOIN standin_private.workflow_task t ON t.workflow_id = r.workflow_id
          JOIN standin_private.workflow_definition d ON d.name = r.name AND d.version = r.version
         WHERE r.workflow_id = found_id;
END $$;
COMMENT ON FUNCTION standin_private.workflow_take(oid, text) IS
    'Takes the next in-database workflow of a role for its executor: no row, or one.';

CREATE FUNCTION standin_private.workflow_recover(role oid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    recovered bigint;
BEGIN
    UPDATE standin_private.workflow_task t SET available_at = standin_private.clock_now(), worker = NULL
     WHERE t.form = 'database' AND t.submitter = role AND t.available_at = 'infinity';
    GET DIAGNOSTICS recovered = ROW_COUNT;
    RETURN recovered;
END $$;
COMMENT ON FUNCTION standin_private.workflow_recover(oid) IS
    'Called by the one executor of a role when it starts: whatever its predecessor had taken is to be taken again.';

CREATE FUNCTION standin_private.workflow_release(id text, token bigint, error jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE standin_private.workflow_task t
       SET available_at = standin_private.clock_now(), worker = NULL, last_error = error
     WHERE t.workflow_id = id AND t.token = workflow_release.token;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION standin_private.workflow_release(text, bigint, jsonb) IS
    'Gives a taken workflow back, to be resumed: after an error that only asks for another try.';

CREATE PROCEDURE standin.step(name text, handler text, input jsonb, INOUT output jsonb, retries integer DEFAULT 0)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_step';
COMMENT ON PROCEDURE standin.step(text, text, jsonb, jsonb, integer) IS
    'One step of an in-database workflow: runs the handler, a function(jsonb) returning jsonb, and commits its effect together with the record. After a crash a recorded step returns its output without running. Called in the workflow''s procedure only, outside any block with EXCEPTION. A handler that fails is tried again up to `retries` times, then the workflow fails.';

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
    'Status (pending, running, completed, failed, dead), output and error of a workflow. With a timeout, at most a minute, it waits for the end; being a function it holds its statement''s snapshot while it waits, so for longer waits CALL standin.workflow_wait.';

CREATE PROCEDURE standin.workflow_wait(id text, timeout interval, INOUT status text DEFAULT NULL, INOUT output jsonb DEFAULT NULL, INOUT error jsonb DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_wait';
COMMENT ON PROCEDURE standin.workflow_wait(text, interval, text, jsonb, jsonb) IS
    'Waits for the end of a workflow without a transaction or a snapshot, so it must be called outside a transaction block. Status is pending or running if the time was over first.';

-- sql/workflow/external.sql
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
    FOR due IN
        SELECT c.workflow_id
          FROM (SELECT DISTINCT u AS name FROM unnest(names) u) wanted
         CROSS JOIN LATERAL (
               SELECT t.workflow_id FROM standin_private.workflow_task t
                WHERE t.form = 'external' AND t.name = wanted.name AND t.available_at <= present
                ORDER BY t.available_at LIMIT max_count FOR NO KEY UPDATE SKIP LOCKED) c
         LIMIT max_count
    LOOP
        given := standin_private.workflow_lease(due, worker, standin_private.workflow_caller(), present + lease);
        IF given IS NOT NULL THEN
            RETURN QUERY SELECT r.workflow_id, r.name, r.version, given, r.input, present + lease
                           FROM standin_private.workflow_run r WHERE r.workflow_id = due;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.workflow_claim_now(text, text[], interval, integer) IS 'A claim that does not wait.';

CREATE FUNCTION standin_private.workflow_claim_next(names text[], OUT ready boolean, OUT next_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    present timestamptz := standin_private.clock_now();
BEGIN
    PERFORM FROM (SELECT DISTINCT u AS name FROM unnest(names) u) wanted
            CROSS JOIN LATERAL (
                SELECT FROM standin_private.workflow_task t
                 WHERE t.form = 'external' AND t.name = wanted.name AND t.available_at <= present
                 ORDER BY t.available_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) c
            LIMIT 1;
    ready := FOUND;
    IF NOT ready THEN
        SELECT min(c.available_at) INTO next_at
          FROM (SELECT DISTINCT u AS name FROM unnest(names) u) wanted
         CROSS JOIN LATERAL (
               SELECT t.available_at FROM standin_private.workflow_task t
                WHERE t.form = 'external' AND t.name = wanted.name
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
    SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = id AND t.form = 'external';
    IF task.token IS DISTINCT FROM token OR token <= 0 THEN
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
    'Whether a step is recorded, and its output. Ask before doing a step: a recorded one must not be done again. An input (or place) that differs from the recorded one is an error.';

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

-- sql/workflow/views.sql
CREATE VIEW standin.workflows WITH (security_barrier) AS
SELECT r.workflow_id, r.name, r.version, d.procedure, r.submitter,
       CASE WHEN r.status <> 'open' THEN r.status WHEN t.token > 0 THEN 'running' ELSE 'pending' END AS status,
       r.input, r.output, coalesce(r.error, t.last_error) AS error,
       coalesce(r.token, t.token) AS token, t.worker,
       CASE WHEN t.token > 0 AND t.form = 'external' THEN t.available_at END AS lease_until,
       t.stalls AS recoveries_without_progress, r.created_at, t.claimed_at, r.finished_at
  FROM standin_private.workflow_run r
  JOIN standin_private.workflow_definition d USING (name, version)
  LEFT JOIN standin_private.workflow_task t USING (workflow_id)
 WHERE pg_has_role(r.submitter, 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'));
COMMENT ON VIEW standin.workflows IS
    'Every workflow that the reader started; operators and auditors see all. Distributed by workflow_id.';

CREATE VIEW standin.workflow_steps WITH (security_barrier) AS
SELECT s.workflow_id, s.seq, s.name, 'recorded' AS status, s.output, NULL::jsonb AS error,
       1 + (SELECT count(*) FROM standin_private.workflow_attempt a WHERE a.workflow_id = s.workflow_id AND a.seq = s.seq)
           AS attempts,
       s.started_at, s.recorded_at
  FROM standin_private.workflow_step s JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE pg_has_role(r.submitter, 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'))
UNION ALL
SELECT a.workflow_id, a.seq, a.name, 'failed', NULL, a.error, a.attempt, NULL, a.failed_at
  FROM standin_private.workflow_attempt a JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE NOT EXISTS (SELECT FROM standin_private.workflow_step s WHERE s.workflow_id = a.workflow_id AND s.seq = a.seq)
   AND NOT EXISTS (SELECT FROM standin_private.workflow_attempt later
                    WHERE later.workflow_id = a.workflow_id AND later.seq = a.seq AND later.attempt > a.attempt)
   AND (pg_has_role(r.submitter, 'USAGE')
        OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE')));
COMMENT ON VIEW standin.workflow_steps IS
    'The steps of the workflows that the reader may see: recorded ones, and those whose last attempt failed. Distributed by workflow_id.';

CREATE VIEW standin_private.workflow_workers AS
SELECT 'executor'::text AS kind, a.rolname::text AS key, a.oid AS role, false AS outward
  FROM standin_private.workflow_role w JOIN pg_catalog.pg_roles a ON a.oid = w.role;
COMMENT ON VIEW standin_private.workflow_workers IS 'One executor for each role that has started an in-database workflow.';

-- sql/workflow/grants.sql
GRANT EXECUTE ON FUNCTION standin.workflow_define(text, regprocedure, integer) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.workflow_start(text, text, jsonb) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_result(text, interval) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON PROCEDURE standin.workflow_wait(text, interval, text, jsonb, jsonb) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON PROCEDURE standin.step(text, text, jsonb, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_current() TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_key() TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_claim(text, text[], interval, integer, interval) TO standin_app;
GRANT EXECUTE ON PROCEDURE standin.workflow_claim_wait(text[], interval, boolean) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_record(text, bigint, text, jsonb, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_result(text, bigint, text, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_extend(text, bigint, interval) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_complete(text, bigint, jsonb) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_fail(text, bigint, text, jsonb) TO standin_app;
GRANT SELECT ON standin.workflows, standin.workflow_steps TO standin_app, standin_operator, standin_auditor;

-- sql/kernel/wanted.sql
-- The workers that the rooms want; each room declares its own in a view of the same columns.
CREATE VIEW standin_private.worker_wanted AS
SELECT w.kind, w.key, w.role, coalesce(r.rolcanlogin, w.role IS NULL) AS rolcanlogin, w.outward
FROM (
    SELECT NULL::text AS kind, NULL::text AS key, NULL::oid AS role, NULL::boolean AS outward WHERE false
    UNION ALL SELECT * FROM standin_private.workflow_workers
) w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin_private.worker_wanted IS 'the workers this database should have; the supervisor makes it so';

-- sql/kernel/finish.sql
-- Everything belongs to standin_owner, nothing is granted to PUBLIC, and pg_dump carries every table's rows.
DO $$
DECLARE
    object record;
BEGIN
    FOR object IN
        SELECT format('ALTER %s %s OWNER TO standin_owner',
                      CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
                      c.oid::regclass) AS command
        FROM pg_class c
        WHERE c.relnamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace)
          AND c.relkind IN ('r', 'p', 'v', 'S', 'c')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO standin_owner', p.oid::regprocedure)
        FROM pg_proc p WHERE p.pronamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace)
        UNION ALL
        SELECT format('ALTER %s %s OWNER TO standin_owner', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype)
        FROM pg_type t WHERE t.typnamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace) AND t.typtype IN ('e', 'd')
    LOOP
        EXECUTE object.command;
    END LOOP;

    GRANT USAGE ON SCHEMA standin, standin_private TO standin_owner;
    REVOKE ALL ON ALL ROUTINES IN SCHEMA standin, standin_private FROM PUBLIC;
    REVOKE ALL ON ALL TABLES IN SCHEMA standin, standin_private FROM PUBLIC;

    FOR object IN
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace) AND c.relkind IN ('r', 'p', 'S')
          AND c.oid <> 'standin_private.worker_mark'::regclass
    LOOP
        PERFORM pg_extension_config_dump(object.oid, '');
    END LOOP;
END $$;

SELECT standin_private.instance_bind('created');

CREATE FUNCTION standin_private.extension_announce() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_extension_announce';
COMMENT ON FUNCTION standin_private.extension_announce() IS 'tells the launcher, at commit, that this database has the extension';
ALTER FUNCTION standin_private.extension_announce() OWNER TO standin_owner;
REVOKE ALL ON FUNCTION standin_private.extension_announce() FROM PUBLIC;
SELECT standin_private.extension_announce();
