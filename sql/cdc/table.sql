-- Citus' own list, wherever it comes from: asked for by its name, since a database without Citus has none.
CREATE FUNCTION standin_private.is_distributed(target regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found boolean := false;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition d WHERE d.logicalrelid = $1)' INTO found USING target;
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION standin_private.is_distributed(regclass) IS 'whether a table''s rows lie on other servers';

CREATE FUNCTION standin_private.cdc_target_check(target regclass, apply_role name, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation pg_class;
    owner_name name;
    as_role name;
    missing text;
    part record;
BEGIN
    SELECT c.* INTO relation FROM pg_class c WHERE c.oid = target;
    owner_name := pg_get_userbyid(relation.relowner);
    IF relation.relkind NOT IN ('r', 'p') OR relation.relnamespace IN ('pg_catalog'::regnamespace, 'standin_private'::regnamespace) THEN
        RAISE EXCEPTION 'cannot apply change events to %', target USING ERRCODE = 'wrong_object_type',
            HINT = 'The target is an ordinary or partitioned table.';
    ELSIF relation.relpersistence = 't' THEN
        RAISE EXCEPTION 'cannot apply change events to temporary table %', target USING ERRCODE = 'wrong_object_type';
    END IF;
    SELECT c.oid::regclass AS name, c.relkind = 'f' AS is_foreign INTO part
    FROM (SELECT target UNION SELECT t.relid FROM pg_partition_tree(target) t) p(relid) JOIN pg_class c ON c.oid = p.relid
    WHERE c.relpersistence = 'u' OR c.relkind = 'f' LIMIT 1;
    IF part.is_foreign THEN
        RAISE EXCEPTION 'cannot apply change events to %, since its partition % is a foreign table', target, part.name
            USING ERRCODE = 'wrong_object_type', DETAIL = 'Its server commits by itself, not with the offsets.';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'cannot apply change events to unlogged table %', part.name USING ERRCODE = 'wrong_object_type',
            DETAIL = 'A crash would empty it, and the offsets would stay.',
            HINT = format('ALTER TABLE %s SET LOGGED;', part.name);
    END IF;
    IF standin_private.is_distributed(target) THEN
        RAISE EXCEPTION 'cannot apply change events to distributed table %', target USING ERRCODE = 'feature_not_supported',
            DETAIL = 'Its rows lie on other servers, whose commits are not that of the offsets.',
            HINT = format('SELECT undistribute_table(%L), or name a table of this server.', target);
    END IF;
    IF EXISTS (SELECT FROM pg_index i WHERE i.indrelid = target AND i.indisprimary AND NOT (i.indisvalid AND i.indimmediate)) THEN
        RAISE EXCEPTION 'the primary key of table % is deferrable', target USING ERRCODE = 'invalid_table_definition',
            DETAIL = 'Updates and deletes are applied by key.',
            HINT = format('ALTER TABLE %s ADD PRIMARY KEY (...), not deferrable, on the columns of the event''s key.', target);
    END IF;
    IF NOT pg_has_role(caller, relation.relowner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of table %', target USING ERRCODE = 'insufficient_privilege';
    END IF;
    as_role := coalesce(apply_role, owner_name);
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = as_role) THEN
        RAISE EXCEPTION 'role "%" does not exist', as_role USING ERRCODE = 'undefined_object';
    ELSIF NOT pg_has_role(caller, as_role, 'MEMBER') THEN
        RAISE EXCEPTION 'must be member of role "%"', as_role USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM standin_private.user_role_require(as_role, 'change events are never applied as');
    SELECT string_agg(p.privilege, ', ') INTO missing
    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p(privilege)
    WHERE NOT has_table_privilege(as_role, target, p.privilege);
    IF missing IS NOT NULL OR NOT has_schema_privilege(as_role, relation.relnamespace, 'USAGE') THEN
        RAISE EXCEPTION 'role "%" may not apply change events to table %', as_role, target
            USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I;',
                          relation.relnamespace::regnamespace, as_role, target, as_role);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_target_check(regclass, name, name) IS 'raises an error with a hint if the table cannot be a target of change events';

CREATE FUNCTION standin_private.cdc_skip_check(target regclass, is_history boolean) RETURNS void
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'standin_cdc_skip_check';
COMMENT ON FUNCTION standin_private.cdc_skip_check(regclass, boolean) IS 'raises 55000 if the foreign keys of a target cannot be skipped without running other code without them';

-- What options of a table contradict each other, and what they name; each by itself is checked by the catalogue of options.
CREATE FUNCTION standin_private.cdc_table_validate(t standin_private.cdc_table) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_target_check(t.target, t.apply_role, standin_private.caller());
    IF t.foreign_keys = 'skip' THEN
        PERFORM standin_private.cdc_skip_check(t.target, t.kind = 'history');
    END IF;
    PERFORM standin_private.cdc_expressions_check(t);
END $$;
COMMENT ON FUNCTION standin_private.cdc_table_validate(standin_private.cdc_table) IS 'raises an error if a table''s options contradict each other, or its target cannot be one';

CREATE FUNCTION standin.cdc_table_add(
    source text, topic text, target regclass, apply_role name DEFAULT NULL, on_truncate text DEFAULT NULL,
    kind text DEFAULT NULL, schema_evolution text DEFAULT NULL, foreign_keys text DEFAULT NULL,
    row_filter text DEFAULT NULL, data_collection text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source), standin_private.cdc_server_check(source);
    IF topic IS NULL OR NOT (topic ~ '^[A-Za-z0-9._-]{1,249}$' OR (topic LIKE '^_%' AND length(topic) <= 1000)) THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', topic USING ERRCODE = 'invalid_name',
            HINT = 'A topic, or a pattern of topics that begins with ^.';
    END IF;
    PERFORM '' ~ topic; -- a pattern that is none raises 2201B
    IF target IS NULL THEN
        RAISE EXCEPTION 'a target table must be given' USING ERRCODE = 'null_value_not_allowed';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_table c WHERE c.source = cdc_table_add.source AND c.topic = cdc_table_add.topic)
       OR EXISTS (SELECT FROM standin_private.cdc_table_planned c WHERE c.source = cdc_table_add.source AND c.topic = cdc_table_add.topic) THEN
        RAISE EXCEPTION 'topic "%" of source "%" already has a table', topic, source USING ERRCODE = 'duplicate_object',
            HINT = 'Take it away first with standin.cdc_table_remove.';
    END IF;
    PERFORM standin_private.option_write('table', jsonb_build_object('source', source, 'topic', topic),
        standin_private.option_given(jsonb_build_object('apply_role', apply_role, 'on_truncate', on_truncate, 'kind', kind,
            'schema_evolution', schema_evolution, 'foreign_keys', foreign_keys, 'row_filter', row_filter, 'data_collection', data_collection)),
        true, jsonb_build_object('target', target::oid, 'created_by', standin_private.caller()));
END $$;
COMMENT ON FUNCTION standin.cdc_table_add IS 'applies a topic of the source (or all topics that match a pattern beginning with ^) to a table, columns by name unless cdc_column_map says else, as the table''s owner or the role given (never as a superuser); starts at the topic''s beginning. Without a primary key rows are matched as a whole (REPLICA IDENTITY FULL at the source). The manual has a table of the options. Errors: 42704 unknown source or role, 42710 topic taken, 42P16 deferrable primary key, 42809 not a table, 42501 not the owner, rights missing, a role that user code never runs as, or no USAGE on the server, 55000 foreign keys cannot be skipped, 0A000 a distributed table, 22023 an option out of range';

CREATE FUNCTION standin.cdc_table_remove(source text, topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    topics text[];
    planned boolean;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT array_agg(o.topic) INTO topics FROM standin_private.kafka_offset o
    WHERE o.consumer = cdc_table_remove.source
      AND cdc_table_remove.topic IN (o.topic, standin_private.cdc_topic_of(o.consumer, o.topic));
    PERFORM standin_private.foreign_keys_enforce();
    DELETE FROM standin_private.cdc_table_planned t WHERE t.source = cdc_table_remove.source AND t.topic = cdc_table_remove.topic;
    planned := FOUND;
    DELETE FROM standin_private.cdc_table t WHERE t.source = cdc_table_remove.source AND t.topic = cdc_table_remove.topic;
    IF NOT (FOUND OR planned) THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    END IF;
    DELETE FROM standin_private.kafka_offset o WHERE o.consumer = cdc_table_remove.source AND o.topic = ANY (topics);
    DELETE FROM standin_private.cdc_progress p WHERE p.source = cdc_table_remove.source AND p.topic = ANY (topics);
    DELETE FROM standin_private.cdc_position p WHERE p.source = cdc_table_remove.source AND p.topic = ANY (topics);
    DELETE FROM standin_private.cdc_truncate r WHERE r.source = cdc_table_remove.source AND r.topic = ANY (topics);
END $$;
COMMENT ON FUNCTION standin.cdc_table_remove(text, text) IS 'stops applying the topic and forgets its offsets; the table stays as it is. Errors: 42704 unknown source or topic';

