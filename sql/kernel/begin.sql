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
                                     'standin_auditor', 'standin_admin', 'standin_nobody'] LOOP
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

COMMENT ON ROLE standin_nobody IS 'has no rights: what triggers of others defer to the commit of a pg_standin worker runs as it';

CREATE SCHEMA standin;
COMMENT ON SCHEMA standin IS 'pg_standin: what applications, operators and auditors call and read';
CREATE SCHEMA standin_private;
COMMENT ON SCHEMA standin_private IS 'pg_standin: its tables and helpers; not for direct use';

GRANT USAGE ON SCHEMA standin TO standin_app, standin_operator, standin_approver, standin_auditor, standin_admin;

CREATE FUNCTION standin.version() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'standin_library_version';
COMMENT ON FUNCTION standin.version() IS 'version of the loaded library; the SQL objects have that of pg_extension.extversion';

CREATE FUNCTION standin_private.caller() RETURNS name
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'standin_caller';
COMMENT ON FUNCTION standin_private.caller() IS 'who called a SECURITY DEFINER function: the session''s user or what it SET ROLE to; an error in code that an index, a materialized view, a connector or a trigger in one of the workers runs';

CREATE FUNCTION standin_private.argument_require(name text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION 'argument "%" must not be null', name USING ERRCODE = 'null_value_not_allowed';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.argument_require(text, text) IS 'raises 22004 if an argument is null that must not be';

CREATE FUNCTION standin_private.wake(channel text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_wake';
COMMENT ON FUNCTION standin_private.wake(text) IS 'at the commit of this transaction, wakes the workers or sessions that listen to the channel';

CREATE FUNCTION standin_private.wake_trigger() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_wake_trigger';
COMMENT ON FUNCTION standin_private.wake_trigger() IS 'statement trigger: wakes the channels given as its arguments at commit';

CREATE FUNCTION standin_private.clock_now() RETURNS timestamptz
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_clock_now';
COMMENT ON FUNCTION standin_private.clock_now() IS 'the product''s one clock: that of the server, unless a test advanced it';

CREATE FUNCTION standin_private.log_at_commit(line text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_log_at_commit';
COMMENT ON FUNCTION standin_private.log_at_commit(text) IS 'a line of the server''s log if this transaction commits';
