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
