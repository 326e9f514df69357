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

-- sql/kernel/wanted.sql
-- The workers that the rooms want; each room declares its own in a view of the same columns.
CREATE VIEW standin_private.worker_wanted AS
SELECT w.kind, w.key, w.role, coalesce(r.rolcanlogin, w.role IS NULL) AS rolcanlogin, w.outward
FROM (
    SELECT NULL::text AS kind, NULL::text AS key, NULL::oid AS role, NULL::boolean AS outward WHERE false
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
