-- Which server may read from Kafka and speak to cores. A row is valid until an adoption supersedes it; all valid rows must
-- fit the server, so the row that a dump brings along keeps the restored copy silent. CREATE EXTENSION makes none: that is
-- how every restore begins, whose rows then come in any order. The first definition makes it, in a database without any.
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

-- A row that a restore brings ends the workers that run.
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.instance
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor');

CREATE FUNCTION standin_private.instance_observed(
    OUT setting text, OUT system_identifier text, OUT host text, OUT data_directory text, OUT timeline integer)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_instance_observed';
COMMENT ON FUNCTION standin_private.instance_observed() IS 'what this server is: facts the instance guard compares';

CREATE FUNCTION standin_private.timeline_descends(ancestor integer) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_timeline_descends';
COMMENT ON FUNCTION standin_private.timeline_descends(integer) IS 'whether this server''s timeline is the given one or a promotion of it';

-- What must not be worked on unbound: of each room what its workers, or those of applications, start from.
CREATE FUNCTION standin_private.instance_has_work() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM standin_private.kafka_consumer) OR EXISTS (SELECT FROM standin_private.cdc_source)
        OR EXISTS (SELECT FROM standin_private.core) OR EXISTS (SELECT FROM standin_private.outbox_relay)
        OR EXISTS (SELECT FROM standin_private.workflow_definition) OR EXISTS (SELECT FROM standin_private.workflow_role)
        OR EXISTS (SELECT FROM standin_private.workflow_run) OR EXISTS (SELECT FROM standin_private.schedule);
END $$;
COMMENT ON FUNCTION standin_private.instance_has_work() IS 'whether a source, a core, a relay or a workflow is defined here';

-- What a room learnt outside about a binding. An adoption leaves it behind.
CREATE TABLE standin_private.instance_doubt (
    instance uuid PRIMARY KEY,
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE standin_private.instance_doubt IS 'bindings that something outside the database speaks against; not dumped; kept whole';

CREATE FUNCTION standin_private.instance_doubt(reason text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.instance_doubt (instance, reason)
    SELECT i.id, instance_doubt.reason FROM standin_private.instance i WHERE i.superseded_by IS NULL ON CONFLICT (instance) DO NOTHING;
    SELECT standin_private.wake('supervisor')
$$;
COMMENT ON FUNCTION standin_private.instance_doubt(text) IS 'from the commit on the instance guard refuses for that reason, until an adoption';

CREATE FUNCTION standin_private.instance_doubted() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT d.reason FROM standin_private.instance_doubt d JOIN standin_private.instance i ON i.id = d.instance
            WHERE i.superseded_by IS NULL ORDER BY d.at LIMIT 1);
END $$;
COMMENT ON FUNCTION standin_private.instance_doubted() IS 'what speaks against this server''s binding, or null';

CREATE FUNCTION standin_private.instance_refusal() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here record;
    bound standin_private.instance;
BEGIN
    here := standin_private.instance_observed();
    IF NOT EXISTS (SELECT FROM standin_private.instance i WHERE i.superseded_by IS NULL) THEN
        RETURN CASE WHEN standin_private.instance_has_work()
                    THEN 'bound to no server: what is defined here was restored, or still is being' END;
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
    RETURN standin_private.instance_doubted();
END $$;
COMMENT ON FUNCTION standin_private.instance_refusal() IS 'why no worker runs here and nothing leaves, or null. Ask after what is to be worked on was read, in the same statement or a later one: so a row that a restore brings is never seen without the refusal';

-- Foreign keys between the product's tables are there from the binding on. A restore fills tables that CREATE EXTENSION made
-- with all their constraints, and pg_restore -j does so in any order.
CREATE TABLE standin_private.foreign_key (
    relation regclass NOT NULL,
    name name NOT NULL,
    definition text NOT NULL,
    PRIMARY KEY (relation, name)
);
COMMENT ON TABLE standin_private.foreign_key IS 'foreign keys that wait for the binding; not dumped; kept whole';

CREATE FUNCTION standin_private.foreign_keys_put_off() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k standin_private.foreign_key;
BEGIN
    FOR k IN SELECT c.conrelid, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint c
             WHERE c.contype = 'f' AND c.connamespace = 'standin_private'::regnamespace ORDER BY 1, 2 LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', k.relation, k.name);
        INSERT INTO standin_private.foreign_key VALUES (k.*);
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.foreign_keys_put_off() IS 'takes the foreign keys away until foreign_keys_enforce';

CREATE FUNCTION standin_private.foreign_keys_enforce() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k standin_private.foreign_key;
BEGIN
    FOR k IN DELETE FROM standin_private.foreign_key RETURNING * LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.relation, k.name, k.definition);
    END LOOP;
EXCEPTION WHEN foreign_key_violation THEN
    RAISE EXCEPTION 'the restore of this database is not complete: %', SQLERRM USING ERRCODE = 'foreign_key_violation',
        HINT = 'Wait for its end, or look for errors in what pg_restore wrote and restore again.';
END $$;
COMMENT ON FUNCTION standin_private.foreign_keys_enforce() IS 'gives the tables their foreign keys, which checks that they were restored whole; a second call does nothing. Error: 23503 they were not';

CREATE FUNCTION standin_private.instance_bind(why text) RETURNS uuid
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT standin_private.foreign_keys_enforce();
    INSERT INTO standin_private.instance (setting, system_identifier, host, data_directory, database_oid, timeline, reason)
    SELECT o.setting, o.system_identifier, o.host, o.data_directory, d.oid, o.timeline, why
    FROM standin_private.instance_observed() o, pg_database d WHERE d.datname = current_database()
    RETURNING id
$$;
COMMENT ON FUNCTION standin_private.instance_bind(text) IS 'binds the outside to this server';

CREATE FUNCTION standin_private.instance_bind_first() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM standin_private.instance) OR standin_private.instance_has_work() THEN
        RETURN;
    END IF;
    LOCK TABLE standin_private.instance IN SHARE ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM standin_private.instance) THEN
        PERFORM standin_private.instance_bind('first definition');
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.instance_bind_first() IS 'called by whatever defines a source, a core or a workflow: the first one binds the database to this server. One that is being restored is never bound by it';

CREATE FUNCTION standin_private.instance_require() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refusal text := standin_private.instance_refusal();
BEGIN
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'this database was not adopted by this server' USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = refusal, HINT = 'If the original is gone for good, call standin.instance_adopt(reason).';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.instance_require() IS 'raises 55000 with the reason if the instance guard refuses';

CREATE FUNCTION standin.instance_adopt(reason text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    adopted uuid;
BEGIN
    PERFORM standin_private.caller();
    IF coalesce(trim(reason), '') = '' THEN
        RAISE EXCEPTION 'an adoption needs a reason' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say why the server that was bound before will never send again.';
    END IF;
    LOCK TABLE standin_private.instance IN EXCLUSIVE MODE;
    adopted := standin_private.instance_bind(reason);
    UPDATE standin_private.instance SET superseded_by = adopted WHERE superseded_by IS NULL AND id <> adopted;
    PERFORM standin_private.core_witness_adopt();
    PERFORM standin_private.wake('supervisor');
    RETURN adopted;
END $$;
COMMENT ON FUNCTION standin.instance_adopt(text) IS 'lets this server read from Kafka, speak to cores and run workflows from now on, instead of the one that was bound before: only when that one is gone for good. Errors: 22023 without a reason, 23503 the restore is not complete';

CREATE VIEW standin.instance AS
SELECT i.id, i.setting, i.system_identifier, i.host, i.data_directory, i.timeline, i.bound_at, i.bound_by, i.reason,
       i.superseded_by, standin_private.instance_refusal() AS refusal
FROM standin_private.instance i;
COMMENT ON VIEW standin.instance IS 'servers bound to the outside, none before something is defined; refusal says why no worker runs in this one, null if they do';

GRANT EXECUTE ON FUNCTION standin.instance_adopt(text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.instance_refusal() TO standin_operator, standin_auditor, standin_admin; -- for the view
GRANT SELECT ON standin.instance TO standin_operator, standin_auditor, standin_admin;
