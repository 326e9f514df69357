CREATE FUNCTION standin_private.cdc_source_check(source text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM standin_private.cdc_source s WHERE s.source = cdc_source_check.source) THEN
        RAISE EXCEPTION 'source "%" does not exist', source USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_sources lists the sources; standin.cdc_source_create makes one.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_source_check(text) IS 'raises 42704 if there is no such source';

CREATE FUNCTION standin.cdc_source_create(
    source text, server name,
    time_precision_mode text DEFAULT 'adaptive', decimal_handling_mode text DEFAULT 'precise',
    binary_handling_mode text DEFAULT 'bytes', unavailable_value_placeholder text DEFAULT '__debezium_unavailable_value',
    batch_records integer DEFAULT 10000, batch_kilobytes integer DEFAULT 16384, queue_kilobytes integer DEFAULT 16384,
    paused boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF source IS NULL OR source !~ '^[A-Za-z0-9._-]{1,100}$' THEN
        RAISE EXCEPTION 'invalid name of a source: "%"', source USING ERRCODE = 'invalid_name',
            HINT = 'Use up to 100 letters, digits, dots, underscores and dashes.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                   WHERE s.srvname = server AND w.fdwname = 'standin_kafka') THEN
        RAISE EXCEPTION 'server "%" is not a server of standin_kafka', server USING ERRCODE = 'undefined_object',
            HINT = format('CREATE SERVER %I FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" ''host:9092'');', server);
    END IF;
    IF NOT has_server_privilege(standin_private.caller(), server, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for foreign server %', server USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', server, standin_private.caller());
    END IF;
    IF coalesce(time_precision_mode, '') NOT IN ('adaptive', 'adaptive_time_microseconds', 'connect') THEN
        RAISE EXCEPTION 'invalid time_precision_mode "%"', time_precision_mode USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What Debezium''s time.precision.mode says: adaptive, adaptive_time_microseconds or connect.';
    ELSIF coalesce(decimal_handling_mode, '') NOT IN ('precise', 'string', 'double') THEN
        RAISE EXCEPTION 'invalid decimal_handling_mode "%"', decimal_handling_mode USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What Debezium''s decimal.handling.mode says: precise, string or double.';
    ELSIF coalesce(binary_handling_mode, '') NOT IN ('bytes', 'base64', 'base64-url-safe', 'hex') THEN
        RAISE EXCEPTION 'invalid binary_handling_mode "%"', binary_handling_mode USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What Debezium''s binary.handling.mode says: bytes, base64, base64-url-safe or hex.';
    ELSIF coalesce(unavailable_value_placeholder, '') = '' THEN
        RAISE EXCEPTION 'unavailable_value_placeholder is empty' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What Debezium''s unavailable.value.placeholder says.';
    ELSIF coalesce(batch_records NOT BETWEEN 1 AND 100000 OR batch_kilobytes NOT BETWEEN 64 AND 1048576
                   OR queue_kilobytes NOT BETWEEN 64 AND 2097151, true) THEN
        RAISE EXCEPTION 'batch or queue size out of range' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'batch_records is 1 to 100000, batch_kilobytes 64 to 1048576, queue_kilobytes 64 to 2097151.';
    END IF;
    IF EXISTS (SELECT FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_source_create.source) THEN
        RAISE EXCEPTION 'source "%" already exists', source USING ERRCODE = 'duplicate_object';
    END IF;
    INSERT INTO standin_private.kafka_consumer (consumer, server, paused, changed_by)
    VALUES (cdc_source_create.source, cdc_source_create.server, cdc_source_create.paused, standin_private.caller());
    INSERT INTO standin_private.cdc_source (source, time_precision_mode, decimal_handling_mode, binary_handling_mode,
        unavailable_value_placeholder, batch_records, batch_kilobytes, queue_kilobytes, created_by)
    VALUES (cdc_source_create.source, cdc_source_create.time_precision_mode, cdc_source_create.decimal_handling_mode,
        cdc_source_create.binary_handling_mode, cdc_source_create.unavailable_value_placeholder,
        cdc_source_create.batch_records, cdc_source_create.batch_kilobytes, cdc_source_create.queue_kilobytes,
        standin_private.caller());
END $$;
COMMENT ON FUNCTION standin.cdc_source_create(text, name, text, text, text, text, integer, integer, integer, boolean) IS 'makes a source of change events: a worker reads its topics from the Kafka cluster of the server. The modes say how the events of the source write what a record without schema cannot say by itself. Errors: 42704 unknown server, 42501 no USAGE on it, 42710 exists, 22023 unknown mode';

CREATE FUNCTION standin.cdc_source_drop(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    DELETE FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_source_drop.source;
END $$;
COMMENT ON FUNCTION standin.cdc_source_drop(text) IS 'stops the source and forgets its offsets; its tables and dead letters stay. Errors: 42704 unknown source';

CREATE FUNCTION standin_private.cdc_target_check(target regclass, apply_role name, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation pg_class;
    owner_name name;
    as_role name;
    missing text;
BEGIN
    SELECT c.* INTO relation FROM pg_class c WHERE c.oid = target;
    owner_name := pg_get_userbyid(relation.relowner);
    IF relation.relkind NOT IN ('r', 'p') OR relation.relnamespace IN ('pg_catalog'::regnamespace, 'standin_private'::regnamespace) THEN
        RAISE EXCEPTION 'cannot apply change events to %', target USING ERRCODE = 'wrong_object_type',
            HINT = 'The target is an ordinary or partitioned table.';
    ELSIF relation.relpersistence = 't' THEN
        RAISE EXCEPTION 'cannot apply change events to temporary table %', target USING ERRCODE = 'wrong_object_type';
    ELSIF relation.relpersistence = 'u' THEN
        RAISE EXCEPTION 'cannot apply change events to unlogged table %', target USING ERRCODE = 'wrong_object_type',
            DETAIL = 'A crash would empty it, and the offsets would stay.',
            HINT = format('ALTER TABLE %s SET LOGGED;', target);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = target AND i.indisprimary AND i.indisvalid AND i.indimmediate) THEN
        RAISE EXCEPTION 'table % has no primary key', target USING ERRCODE = 'invalid_table_definition',
            DETAIL = 'Updates and deletes are applied by key.',
            HINT = format('ALTER TABLE %s ADD PRIMARY KEY (...), not deferrable, on the columns of the event''s key.', target);
    END IF;
    IF NOT pg_has_role(caller, relation.relowner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of table %', target USING ERRCODE = 'insufficient_privilege';
    END IF;
    as_role := coalesce(apply_role, owner_name);
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = as_role) THEN
        RAISE EXCEPTION 'role "%" does not exist', as_role USING ERRCODE = 'undefined_object';
    ELSIF EXISTS (SELECT FROM pg_roles r WHERE r.rolname = as_role AND r.rolsuper) THEN
        RAISE EXCEPTION 'change events are never applied as a superuser, and "%" is one', as_role
            USING ERRCODE = 'insufficient_privilege',
            HINT = format('Give the table to another role (ALTER TABLE %s OWNER TO ...), or name one in apply_role.', target);
    ELSIF NOT pg_has_role(caller, as_role, 'MEMBER') THEN
        RAISE EXCEPTION 'must be member of role "%"', as_role USING ERRCODE = 'insufficient_privilege';
    END IF;
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

CREATE FUNCTION standin.cdc_table_add(
    source text, topic text, target regclass, apply_role name DEFAULT NULL, on_truncate text DEFAULT 'dead_letter')
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF topic IS NULL OR topic !~ '^[A-Za-z0-9._-]{1,249}$' THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', topic USING ERRCODE = 'invalid_name';
    ELSIF target IS NULL THEN
        RAISE EXCEPTION 'a target table must be given' USING ERRCODE = 'null_value_not_allowed';
    ELSIF on_truncate NOT IN ('dead_letter', 'ignore') THEN
        RAISE EXCEPTION 'invalid on_truncate "%"', on_truncate USING ERRCODE = 'invalid_parameter_value',
            HINT = 'dead_letter keeps the truncate event for an operator, ignore passes over it.';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = cdc_table_add.source AND t.topic = cdc_table_add.topic) THEN
        RAISE EXCEPTION 'topic "%" of source "%" already has a table', topic, source USING ERRCODE = 'duplicate_object',
            HINT = 'Take it away first with standin.cdc_table_remove.';
    END IF;
    PERFORM standin_private.cdc_target_check(target, apply_role, standin_private.caller());
    INSERT INTO standin_private.cdc_table (source, topic, target, apply_role, on_truncate, created_by)
    VALUES (cdc_table_add.source, cdc_table_add.topic, cdc_table_add.target, cdc_table_add.apply_role,
            cdc_table_add.on_truncate, standin_private.caller());
END $$;
COMMENT ON FUNCTION standin.cdc_table_add(text, text, regclass, name, text) IS 'applies a topic of the source to a table with a primary key, columns by name, as the table''s owner or the role given (never as a superuser); starts at the topic''s beginning. Errors: 42704 unknown source or role, 42710 topic taken, 42P16 no primary key, 42809 not a table, 42501 not the owner or rights missing';

CREATE FUNCTION standin.cdc_table_remove(source text, topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    DELETE FROM standin_private.cdc_table t WHERE t.source = cdc_table_remove.source AND t.topic = cdc_table_remove.topic;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    END IF;
    DELETE FROM standin_private.kafka_offset o WHERE o.consumer = cdc_table_remove.source AND o.topic = cdc_table_remove.topic;
    DELETE FROM standin_private.cdc_progress p WHERE p.source = cdc_table_remove.source AND p.topic = cdc_table_remove.topic;
END $$;
COMMENT ON FUNCTION standin.cdc_table_remove(text, text) IS 'stops applying the topic and forgets its offsets; the table stays as it is. Errors: 42704 unknown source or topic';

CREATE FUNCTION standin.cdc_pause(source text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_consumer c
    SET paused = true, pause_reason = reason, changed_at = standin_private.clock_now(), changed_by = standin_private.caller()
    WHERE c.consumer = cdc_pause.source;
END $$;
COMMENT ON FUNCTION standin.cdc_pause(text, text) IS 'stops applying until cdc_resume; nothing is lost while Kafka keeps the records. Errors: 42704 unknown source';

CREATE FUNCTION standin.cdc_resume(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_consumer c
    SET paused = false, pause_reason = NULL, changed_at = standin_private.clock_now(), changed_by = standin_private.caller()
    WHERE c.consumer = cdc_resume.source;
END $$;
COMMENT ON FUNCTION standin.cdc_resume(text) IS 'goes on applying after cdc_pause. Errors: 42704 unknown source';

CREATE FUNCTION standin.cdc_seek(source text, topic text, partition integer, next_offset bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF NOT EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = cdc_seek.source AND t.topic = cdc_seek.topic) THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    ELSIF next_offset IS NULL OR next_offset < 0 OR partition IS NULL OR partition < 0 THEN
        RAISE EXCEPTION 'partition and offset are numbers from 0 on' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Offset 0 means from the beginning, wherever that is.';
    END IF;
    INSERT INTO standin_private.kafka_offset (consumer, topic, partition, next_offset)
    VALUES (cdc_seek.source, cdc_seek.topic, cdc_seek.partition, cdc_seek.next_offset)
    ON CONFLICT ON CONSTRAINT kafka_offset_pkey DO UPDATE SET next_offset = EXCLUDED.next_offset, cluster_id = '';
    PERFORM standin_private.wake('cdc');
END $$;
COMMENT ON FUNCTION standin.cdc_seek(text, text, integer, bigint) IS 'applies the partition from this offset on; earlier records again, or records in between never, so know why. Also accepts the offsets'' new cluster after a move. Errors: 42704 unknown source or topic, 22023 negative';
