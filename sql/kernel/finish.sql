-- Everything belongs to standin_owner, nothing is granted to PUBLIC, and pg_dump carries every table's rows: but for those
-- of a table that was dropped, which a dump names by a number that may be another table's where it is restored.
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
        SELECT c.oid, CASE
                   WHEN c.relname IN ('cdc_table', 'cdc_key_change', 'balance_source', 'reconciliation') THEN
                       'WHERE EXISTS (SELECT FROM pg_catalog.pg_class r WHERE r.oid = target)'
                   WHEN c.relname = 'cdc_column' THEN
                       'WHERE EXISTS (SELECT FROM standin_private.cdc_table t JOIN pg_catalog.pg_class r ON r.oid = t.target'
                       ' WHERE (t.source, t.topic) = (cdc_column.source, cdc_column.topic))'
                   ELSE '' END AS condition
        FROM pg_class c
        WHERE c.relnamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace) AND c.relkind IN ('r', 'p', 'S')
          AND c.relname NOT IN ('worker_mark', 'clock_mark', 'foreign_key', 'instance_doubt', 'core_witness')
    LOOP
        PERFORM pg_extension_config_dump(object.oid, object.condition);
    END LOOP;

    IF NOT EXISTS (SELECT FROM standin_private.instance) THEN
        PERFORM standin_private.foreign_keys_put_off();
    END IF;
END $$;

CREATE FUNCTION standin_private.extension_announce() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_extension_announce';
COMMENT ON FUNCTION standin_private.extension_announce() IS 'tells the launcher, at commit, that this database has the extension';
ALTER FUNCTION standin_private.extension_announce() OWNER TO standin_owner;
REVOKE ALL ON FUNCTION standin_private.extension_announce() FROM PUBLIC;
SELECT standin_private.extension_announce();
