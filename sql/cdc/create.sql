CREATE TABLE standin_private.cdc_table_planned (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    schema_name name NOT NULL,
    table_name name NOT NULL,
    owner name NOT NULL,
    on_truncate text NOT NULL CHECK (on_truncate IN ('dead_letter', 'ignore', 'apply')),
    schema_evolution text NOT NULL CHECK (schema_evolution IN ('ignore', 'add', 'fail')),
    data_collection text CHECK (data_collection <> ''),
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    created_by name NOT NULL DEFAULT session_user,
    PRIMARY KEY (source, topic)
);
COMMENT ON TABLE standin_private.cdc_table_planned IS 'tables that the first event of a topic will create; a row becomes one of cdc_table then; kept whole';
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table_planned
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc');

CREATE TABLE standin_private.cdc_source_table (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    collection text NOT NULL,
    short_collection text NOT NULL,
    connector text NOT NULL,
    definition jsonb NOT NULL,
    altered text[] NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (source, collection)
);
COMMENT ON TABLE standin_private.cdc_source_table IS 'the source''s tables as its schema_topic described them last: events without a schema need it where a table or a column is to be made; kept whole';
COMMENT ON COLUMN standin_private.cdc_source_table.collection IS 'database, schema and table, as topics write them';
COMMENT ON COLUMN standin_private.cdc_source_table.short_collection IS 'the same without its first part, which some connectors'' topics leave out';
COMMENT ON COLUMN standin_private.cdc_source_table.definition IS 'the element table of Debezium''s tableChanges';

COMMENT ON COLUMN standin_private.cdc_source_table.altered IS 'columns whose type, or what decides how its values are written, was once another: rows written under it may still be to come';

CREATE FUNCTION standin_private.cdc_source_table_describe(source text, collection text, short_collection text, connector text, definition jsonb)
RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.cdc_source_table AS t (source, collection, short_collection, connector, definition)
    VALUES (cdc_source_table_describe.source, cdc_source_table_describe.collection, cdc_source_table_describe.short_collection,
            cdc_source_table_describe.connector, cdc_source_table_describe.definition)
    ON CONFLICT ON CONSTRAINT cdc_source_table_pkey DO UPDATE SET connector = excluded.connector, definition = excluded.definition, at = excluded.at,
        altered = ARRAY(
            SELECT unnest(t.altered)
            UNION
            SELECT now.name
            FROM jsonb_to_recordset(excluded.definition -> 'columns') AS now (name text, "typeName" text, length integer, scale integer),
                 jsonb_to_recordset(t.definition -> 'columns') AS before (name text, "typeName" text, length integer, scale integer)
            WHERE now.name = before.name
              AND ((now."typeName", now.scale) IS DISTINCT FROM (before."typeName", before.scale)
                   OR (now."typeName" ~* 'time' AND now.length IS DISTINCT FROM before.length)))
$$;
COMMENT ON FUNCTION standin_private.cdc_source_table_describe(text, text, text, text, jsonb) IS 'takes note of a table of the source, and of columns whose values it writes otherwise than before';

CREATE FUNCTION standin.cdc_table_create(
    source text, topic text, target text, owner name, on_truncate text DEFAULT 'dead_letter',
    schema_evolution text DEFAULT 'add', data_collection text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[] := parse_ident(target);
BEGIN
    PERFORM standin_private.cdc_source_check(source), standin_private.cdc_server_check(source);
    IF coalesce(topic !~ '^[A-Za-z0-9._-]{1,249}$', true) THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', topic USING ERRCODE = 'invalid_name';
    ELSIF coalesce(cardinality(parts) <> 2, true) THEN
        RAISE EXCEPTION 'the target is the name of a table with its schema, not "%"', target USING ERRCODE = 'invalid_name';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = cdc_table_create.source AND t.topic = cdc_table_create.topic)
       OR EXISTS (SELECT FROM standin_private.cdc_table_planned t WHERE t.source = cdc_table_create.source AND t.topic = cdc_table_create.topic) THEN
        RAISE EXCEPTION 'topic "%" of source "%" already has a table', topic, source USING ERRCODE = 'duplicate_object',
            HINT = 'Take it away first with standin.cdc_table_remove.';
    ELSIF to_regnamespace(quote_ident(parts[1])) IS NULL OR parts[1] IN ('pg_catalog', 'standin', 'standin_private') THEN
        RAISE EXCEPTION 'no schema "%" for tables', parts[1] USING ERRCODE = 'invalid_schema_name';
    ELSIF EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = parts[1] AND c.relname = parts[2]) THEN
        RAISE EXCEPTION 'table % exists', target USING ERRCODE = 'duplicate_table', HINT = 'Use standin.cdc_table_add.';
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner) THEN
        RAISE EXCEPTION 'role "%" does not exist', owner USING ERRCODE = 'undefined_object';
    ELSIF NOT pg_has_role(standin_private.caller(), owner, 'MEMBER') THEN
        RAISE EXCEPTION 'must be member of role "%"', owner USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT has_schema_privilege(owner, quote_ident(parts[1])::regnamespace::oid, 'CREATE')
       OR NOT has_schema_privilege(owner, quote_ident(parts[1])::regnamespace::oid, 'USAGE') THEN
        RAISE EXCEPTION 'role "%" may not create tables in schema %', owner, parts[1] USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE, CREATE ON SCHEMA %I TO %I;', parts[1], owner);
    END IF;
    PERFORM standin_private.user_role_require(owner, 'change events are never applied as');
    PERFORM standin_private.option_check('table', jsonb_build_object('on_truncate', on_truncate, 'schema_evolution', schema_evolution));
    INSERT INTO standin_private.cdc_table_planned (source, topic, schema_name, table_name, owner, on_truncate, schema_evolution, data_collection, created_by)
    VALUES (cdc_table_create.source, cdc_table_create.topic, parts[1], parts[2], cdc_table_create.owner, cdc_table_create.on_truncate,
            cdc_table_create.schema_evolution, nullif(cdc_table_create.data_collection, ''), standin_private.caller());
END $$;
COMMENT ON FUNCTION standin.cdc_table_create IS 'like cdc_table_add for a table that does not exist yet: the first event of the topic creates it, by the schema that it carries or else by what the source''s schema_topic says of the table, with the primary key of the event''s key and owned by the role, in the transaction that stores its row. standin.cdc_tables_planned lists what waits for an event. Errors: 42704 unknown source or role, 42710 topic taken, 42P07 the table exists, 3F000 no such schema, 42501 rights missing, 22023 an option out of range';

CREATE FUNCTION standin_private.cdc_table_made(source text, topic text, target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p standin_private.cdc_table_planned;
BEGIN
    DELETE FROM standin_private.cdc_table_planned d
    WHERE d.source = cdc_table_made.source AND d.topic = cdc_table_made.topic RETURNING d.* INTO p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the table of topic "%" is not planned any more', topic USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO standin_private.cdc_table (source, topic, target, kind, on_truncate, schema_evolution, foreign_keys, data_collection, created_at, created_by)
    VALUES (p.source, p.topic, cdc_table_made.target, 'current', p.on_truncate, p.schema_evolution, 'enforce', p.data_collection, p.created_at, p.created_by);
END $$;
COMMENT ON FUNCTION standin_private.cdc_table_made(text, text, regclass) IS 'a planned table exists now; in the transaction that creates it. Errors: 40001 it was removed meanwhile';

CREATE VIEW standin.cdc_tables_planned AS
SELECT p.source, p.topic, format('%I.%I', p.schema_name, p.table_name) AS target, p.owner, p.on_truncate, p.schema_evolution, p.data_collection,
       p.created_at, p.created_by
FROM standin_private.cdc_table_planned p;
COMMENT ON VIEW standin.cdc_tables_planned IS 'tables of cdc_table_create that wait for the first event of their topic';
