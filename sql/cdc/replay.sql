-- Who reads a topic reads the rows of its table, past the table's privileges and policies.
CREATE FUNCTION standin_private.cdc_read_require(target regclass, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has_table_privilege(caller, target, 'SELECT') IS NOT TRUE THEN
        RAISE EXCEPTION 'permission denied for table %', target USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'A replay shows what the table holds.', HINT = format('GRANT SELECT ON %s TO %I;', target, caller);
    ELSIF EXISTS (SELECT FROM pg_class c WHERE c.oid = target AND c.relrowsecurity AND NOT pg_has_role(caller, c.relowner, 'USAGE'))
          AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = caller AND (r.rolbypassrls OR r.rolsuper)) THEN
        RAISE EXCEPTION 'table % has row security', target USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'A replay shows all rows.', HINT = 'Its owner may replay it, and roles with BYPASSRLS.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_read_require(regclass, name) IS 'raises 42501 unless a role may read all rows of a table';

-- A replay is a source of its own with one partition and an end; so it has offsets, progress and dead letters of its own.
CREATE FUNCTION standin.cdc_replay(source text, topic text, partition integer, from_offset bigint, to_offset bigint, target regclass,
    apply_role name DEFAULT NULL, kind text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    origin standin_private.cdc_table;
    s standin_private.cdc_source;
    replay text;
    server_name name;
BEGIN
    PERFORM standin_private.cdc_topic_check(source, topic);
    IF coalesce(partition < 0 OR from_offset < 0 OR to_offset < from_offset, true) THEN
        RAISE EXCEPTION 'no range of a partition: % from % to %', partition, from_offset, to_offset USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Partition and offsets are numbers from 0 on; the records from_offset and to_offset are part of the range.';
    ELSIF target IS NULL THEN
        RAISE EXCEPTION 'a target table must be given' USING ERRCODE = 'null_value_not_allowed';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.target = cdc_replay.target) THEN
        RAISE EXCEPTION 'change events are being applied to table %', target USING ERRCODE = 'object_in_use',
            DETAIL = 'A replay would bring old values back.', HINT = 'Replay into a table of its own, and take over from there what is missing.';
    END IF;
    SELECT * INTO origin FROM standin_private.cdc_table t
    WHERE t.source = cdc_replay.source AND t.topic = standin_private.cdc_topic_of(cdc_replay.source, cdc_replay.topic);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" of source "%" has no table', topic, source USING ERRCODE = 'undefined_object';
    END IF;
    PERFORM standin_private.value_require('kind', coalesce(kind, origin.kind), 'current', 'history'),
            standin_private.cdc_target_check(target, apply_role, standin_private.caller());
    PERFORM standin_private.cdc_read_require(origin.target, standin_private.caller());
    IF origin.foreign_keys = 'skip' THEN
        PERFORM standin_private.cdc_skip_check(target, coalesce(kind, origin.kind) = 'history');
    END IF;
    SELECT * INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_replay.source;
    SELECT c.server INTO server_name FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_replay.source;
    replay := left(source, 80) || '.replay' || nextval('standin_private.cdc_replay_number');
    s.source := replay;
    s.consistency := 'eventual';
    s.workers := 1;
    s.transaction_topic := NULL;
    s.signal_topic := NULL;
    s.signal_table := NULL;
    s.on_message := 'ignore';
    s.message_function := NULL;
    s.message_topic := NULL;
    s.schema_topic := NULL;
    s.on_gap := 'report';
    s.created_at := standin_private.clock_now();
    s.created_by := standin_private.caller();
    INSERT INTO standin_private.kafka_consumer (consumer, server, changed_by) VALUES (replay, server_name, standin_private.caller());
    INSERT INTO standin_private.cdc_source VALUES (s.*);
    INSERT INTO standin_private.cdc_table (source, topic, target, kind, apply_role, on_truncate, schema_evolution, foreign_keys,
        row_filter, data_collection, created_by)
    VALUES (replay, cdc_replay.topic, cdc_replay.target, coalesce(cdc_replay.kind, origin.kind), cdc_replay.apply_role, 'ignore', 'ignore',
        origin.foreign_keys, origin.row_filter, origin.data_collection, standin_private.caller());
    INSERT INTO standin_private.cdc_column (source, topic, name, kind, field, argument)
    SELECT replay, cdc_replay.topic, c.name, c.kind, c.field, c.argument
    FROM standin_private.cdc_column c WHERE c.source = origin.source AND c.topic = origin.topic;
    INSERT INTO standin_private.kafka_offset (consumer, topic, partition, next_offset, stop_offset)
    VALUES (replay, cdc_replay.topic, cdc_replay.partition, cdc_replay.from_offset, cdc_replay.to_offset + 1);
    RETURN replay;
END $$;
COMMENT ON FUNCTION standin.cdc_replay(text, text, integer, bigint, bigint, regclass, name, text) IS 'applies the records from_offset to to_offset of a partition, both included, to another table, with the topic''s mapping as it is now: a later mask does not reach it (truncates ignored). It is read by whoever may read the topic''s own table: fields which that table has no column for are read too, unless standin.cdc_field_drop names them; the source goes on undisturbed. Returns the name of the source that does it: its state is done once all is applied, standin.cdc_source_drop takes it away. Errors: 42704 unknown source or topic, 22023 no range or kind, 55006 the target is replicated to, 42501 no SELECT on the topic''s own table, and those of cdc_table_add; a range that Kafka does not have is an error of the replay''s worker, with what Kafka has';
