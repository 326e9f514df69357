CREATE FUNCTION standin_private.cdc_source_check(source text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM standin_private.cdc_source s WHERE s.source = cdc_source_check.source) THEN
        RAISE EXCEPTION 'source "%" does not exist', source USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_sources lists the sources; standin.cdc_source_create makes one.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_source_check(text) IS 'raises 42704 if there is no such source';

CREATE FUNCTION standin_private.cdc_one_of(option text, value text, VARIADIC allowed text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(value = ANY (allowed), false) THEN
        RAISE EXCEPTION 'invalid % "%"', option, value USING ERRCODE = 'invalid_parameter_value',
            HINT = format('It is one of: %s.', array_to_string(allowed, ', '));
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_one_of(text, text, text[]) IS 'raises 22023 if an option has a value that it cannot have';

CREATE FUNCTION standin_private.cdc_message_function_check(function regprocedure, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    routine pg_proc;
    owner_name name;
BEGIN
    SELECT p.* INTO routine FROM pg_proc p WHERE p.oid = function;
    owner_name := pg_get_userbyid(routine.proowner);
    IF routine.prokind <> 'f' OR routine.proretset OR oidvectortypes(routine.proargtypes) <> 'text, bytea, text' THEN
        RAISE EXCEPTION 'function % cannot take logical messages', function USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A function (prefix text, content bytea, lsn text); what it returns is not looked at.';
    ELSIF NOT pg_has_role(caller, routine.proowner, 'MEMBER') THEN
        RAISE EXCEPTION 'must be owner of function %', function USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'It runs as its owner.';
    ELSIF owner_name = 'standin_owner' OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = routine.proowner AND r.rolsuper) THEN
        RAISE EXCEPTION 'logical messages are never handed to a function of a superuser or of pg_standin itself, and % is of "%"', function, owner_name
            USING ERRCODE = 'insufficient_privilege', HINT = format('ALTER FUNCTION %s OWNER TO ...;', function);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_message_function_check(regprocedure, name) IS 'raises an error with a hint if logical messages cannot be handed to the function';

-- The one place that knows what a source may be; both making and altering one go through it.
CREATE FUNCTION standin_private.cdc_source_validate(s standin_private.cdc_source) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_one_of('time_precision_mode', s.time_precision_mode,
                'adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'),
            standin_private.cdc_one_of('decimal_handling_mode', s.decimal_handling_mode, 'precise', 'string', 'double'),
            standin_private.cdc_one_of('binary_handling_mode', s.binary_handling_mode, 'bytes', 'base64', 'base64-url-safe', 'hex'),
            standin_private.cdc_one_of('interval_handling_mode', s.interval_handling_mode, 'numeric', 'string'),
            standin_private.cdc_one_of('message_format', s.message_format, 'auto', 'envelope', 'flattened'),
            standin_private.cdc_one_of('rounding', s.rounding, 'error', 'truncate', 'round'),
            standin_private.cdc_one_of('consistency', s.consistency, 'eventual', 'transaction'),
            standin_private.cdc_one_of('on_stall', s.on_stall, 'wait', 'apply'),
            standin_private.cdc_one_of('on_message', s.on_message, 'ignore', 'store', 'call');
    IF coalesce(s.unavailable_value_placeholder, '') = '' THEN
        RAISE EXCEPTION 'unavailable_value_placeholder is empty' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What Debezium''s unavailable.value.placeholder says.';
    ELSIF coalesce(s.batch_records NOT BETWEEN 1 AND 100000 OR s.batch_kilobytes NOT BETWEEN 64 AND 1048576
                   OR s.queue_kilobytes NOT BETWEEN 64 AND 2097151, true) THEN
        RAISE EXCEPTION 'batch or queue size out of range' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'batch_records is 1 to 100000, batch_kilobytes 64 to 1048576, queue_kilobytes 64 to 2097151.';
    ELSIF coalesce(s.workers NOT BETWEEN 1 AND 32, true) THEN
        RAISE EXCEPTION 'workers out of range: %', s.workers USING ERRCODE = 'invalid_parameter_value', HINT = 'It is 1 to 32.';
    ELSIF s.consistency = 'transaction' AND s.workers <> 1 THEN
        RAISE EXCEPTION 'consistency "transaction" has one worker' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Transactions of the source are applied in their order, across all partitions.';
    ELSIF s.consistency = 'transaction' AND s.transaction_topic IS NULL THEN
        RAISE EXCEPTION 'consistency "transaction" needs transaction_topic' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Set provide.transaction.metadata = true on the connector; the topic is <topic.prefix>.transaction.';
    ELSIF s.transaction_topic !~ '^[A-Za-z0-9._-]{1,249}$' OR s.signal_topic !~ '^[A-Za-z0-9._-]{1,249}$'
          OR s.message_topic !~ '^[A-Za-z0-9._-]{1,249}$' OR s.schema_topic !~ '^[A-Za-z0-9._-]{1,249}$' THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', coalesce(s.transaction_topic, s.signal_topic, s.message_topic, s.schema_topic) USING ERRCODE = 'invalid_name';
    ELSIF s.consistency = 'transaction' AND s.schema_topic IS NOT NULL THEN
        RAISE EXCEPTION 'schema_topic is for consistency "eventual"' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Changes of a schema have no place among the source''s transactions.';
    ELSIF coalesce(s.stall_timeout <= '0' OR s.dead_letter_window <= '0' OR s.conflict_timeout < '0', true) THEN
        RAISE EXCEPTION 'stall_timeout, dead_letter_window and conflict_timeout are positive' USING ERRCODE = 'invalid_parameter_value';
    ELSIF coalesce(s.dead_letter_limit < 1, true) THEN
        RAISE EXCEPTION 'dead_letter_limit is a positive number' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'So many dead letters within dead_letter_window pause the source.';
    ELSIF s.on_message = 'call' AND s.message_function IS NULL THEN
        RAISE EXCEPTION 'on_message "call" needs message_function' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A function (prefix text, content bytea, lsn text).';
    ELSIF s.on_message <> 'call' AND s.message_function IS NOT NULL THEN
        RAISE EXCEPTION 'message_function is for on_message "call"' USING ERRCODE = 'invalid_parameter_value';
    ELSIF s.on_message = 'ignore' AND s.message_topic IS NOT NULL THEN
        RAISE EXCEPTION 'message_topic is for on_message "store" and "call"' USING ERRCODE = 'invalid_parameter_value';
    ELSIF s.message_function IS NOT NULL THEN
        PERFORM standin_private.cdc_message_function_check(s.message_function, standin_private.caller());
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_source_validate(standin_private.cdc_source) IS 'raises 22023 with a hint if a source cannot be so';

CREATE FUNCTION standin.cdc_source_create(
    source text, server name,
    time_precision_mode text DEFAULT 'adaptive', decimal_handling_mode text DEFAULT 'precise',
    binary_handling_mode text DEFAULT 'bytes', unavailable_value_placeholder text DEFAULT '__debezium_unavailable_value',
    batch_records integer DEFAULT 10000, batch_kilobytes integer DEFAULT 16384, queue_kilobytes integer DEFAULT 16384,
    paused boolean DEFAULT false, interval_handling_mode text DEFAULT 'numeric', message_format text DEFAULT 'auto',
    rounding text DEFAULT 'error', consistency text DEFAULT 'eventual', workers integer DEFAULT 1,
    transaction_topic text DEFAULT NULL, on_stall text DEFAULT 'wait', stall_timeout interval DEFAULT '1 minute',
    on_message text DEFAULT 'ignore', message_function regprocedure DEFAULT NULL,
    dead_letter_limit integer DEFAULT 1000, dead_letter_window interval DEFAULT '1 minute',
    conflict_timeout interval DEFAULT '5 seconds', signal_topic text DEFAULT NULL, signal_table regclass DEFAULT NULL,
    message_topic text DEFAULT NULL, schema_topic text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made standin_private.cdc_source;
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
    IF EXISTS (SELECT FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_source_create.source) THEN
        RAISE EXCEPTION 'source "%" already exists', source USING ERRCODE = 'duplicate_object';
    END IF;
    made.source := source;
    made.time_precision_mode := time_precision_mode;
    made.decimal_handling_mode := decimal_handling_mode;
    made.binary_handling_mode := binary_handling_mode;
    made.interval_handling_mode := interval_handling_mode;
    made.unavailable_value_placeholder := unavailable_value_placeholder;
    made.message_format := message_format;
    made.rounding := rounding;
    made.consistency := consistency;
    made.workers := workers;
    made.transaction_topic := transaction_topic;
    made.on_stall := on_stall;
    made.stall_timeout := stall_timeout;
    made.on_message := on_message;
    made.message_function := message_function;
    made.dead_letter_limit := dead_letter_limit;
    made.dead_letter_window := dead_letter_window;
    made.conflict_timeout := conflict_timeout;
    made.signal_topic := signal_topic;
    made.signal_table := signal_table;
    made.message_topic := message_topic;
    made.schema_topic := schema_topic;
    made.batch_records := batch_records;
    made.batch_kilobytes := batch_kilobytes;
    made.queue_kilobytes := queue_kilobytes;
    made.version := 1;
    made.created_at := standin_private.clock_now();
    made.created_by := standin_private.caller();
    PERFORM standin_private.cdc_source_validate(made);
    INSERT INTO standin_private.kafka_consumer (consumer, server, paused, changed_by)
    VALUES (cdc_source_create.source, cdc_source_create.server, cdc_source_create.paused, standin_private.caller());
    INSERT INTO standin_private.cdc_source VALUES (made.*);
END $$;
COMMENT ON FUNCTION standin.cdc_source_create IS 'makes a source of change events: a worker (or several, each with its partitions) reads its topics from the Kafka cluster of the server. The README has a table of the options. Errors: 42704 unknown server, 42501 no USAGE on it, 42710 exists, 22023 an option out of range';

CREATE FUNCTION standin.cdc_source_alter(
    source text, server name DEFAULT NULL,
    time_precision_mode text DEFAULT NULL, decimal_handling_mode text DEFAULT NULL, binary_handling_mode text DEFAULT NULL,
    unavailable_value_placeholder text DEFAULT NULL, batch_records integer DEFAULT NULL, batch_kilobytes integer DEFAULT NULL,
    queue_kilobytes integer DEFAULT NULL, interval_handling_mode text DEFAULT NULL, message_format text DEFAULT NULL,
    rounding text DEFAULT NULL, consistency text DEFAULT NULL, workers integer DEFAULT NULL, transaction_topic text DEFAULT NULL,
    on_stall text DEFAULT NULL, stall_timeout interval DEFAULT NULL, on_message text DEFAULT NULL,
    message_function regprocedure DEFAULT NULL, dead_letter_limit integer DEFAULT NULL, dead_letter_window interval DEFAULT NULL,
    conflict_timeout interval DEFAULT NULL, signal_topic text DEFAULT NULL, signal_table regclass DEFAULT NULL,
    message_topic text DEFAULT NULL, schema_topic text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF server IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_foreign_server f JOIN pg_foreign_data_wrapper w ON w.oid = f.srvfdw
                       WHERE f.srvname = server AND w.fdwname = 'standin_kafka') THEN
            RAISE EXCEPTION 'server "%" is not a server of standin_kafka', server USING ERRCODE = 'undefined_object';
        ELSIF NOT has_server_privilege(standin_private.caller(), server, 'USAGE') THEN
            RAISE EXCEPTION 'permission denied for foreign server %', server USING ERRCODE = 'insufficient_privilege',
                HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', server, standin_private.caller());
        END IF;
        UPDATE standin_private.kafka_consumer c SET server = cdc_source_alter.server, changed_at = standin_private.clock_now(),
            changed_by = standin_private.caller() WHERE c.consumer = cdc_source_alter.source;
    END IF;
    SELECT * INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_source_alter.source FOR NO KEY UPDATE; -- workers refer to the row
    s.time_precision_mode := coalesce(time_precision_mode, s.time_precision_mode);
    s.decimal_handling_mode := coalesce(decimal_handling_mode, s.decimal_handling_mode);
    s.binary_handling_mode := coalesce(binary_handling_mode, s.binary_handling_mode);
    s.interval_handling_mode := coalesce(interval_handling_mode, s.interval_handling_mode);
    s.unavailable_value_placeholder := coalesce(unavailable_value_placeholder, s.unavailable_value_placeholder);
    s.message_format := coalesce(message_format, s.message_format);
    s.rounding := coalesce(rounding, s.rounding);
    s.consistency := coalesce(consistency, s.consistency);
    s.workers := coalesce(workers, s.workers);
    s.transaction_topic := coalesce(transaction_topic, s.transaction_topic);
    s.on_stall := coalesce(on_stall, s.on_stall);
    s.stall_timeout := coalesce(stall_timeout, s.stall_timeout);
    s.on_message := coalesce(on_message, s.on_message);
    s.message_function := CASE WHEN s.on_message = 'call' THEN coalesce(message_function, s.message_function) ELSE message_function END;
    s.dead_letter_limit := coalesce(dead_letter_limit, s.dead_letter_limit);
    s.dead_letter_window := coalesce(dead_letter_window, s.dead_letter_window);
    s.conflict_timeout := coalesce(conflict_timeout, s.conflict_timeout);
    s.signal_topic := coalesce(signal_topic, s.signal_topic);
    s.signal_table := coalesce(signal_table, s.signal_table);
    s.message_topic := coalesce(message_topic, s.message_topic);
    s.schema_topic := coalesce(schema_topic, s.schema_topic);
    s.batch_records := coalesce(batch_records, s.batch_records);
    s.batch_kilobytes := coalesce(batch_kilobytes, s.batch_kilobytes);
    s.queue_kilobytes := coalesce(queue_kilobytes, s.queue_kilobytes);
    PERFORM standin_private.cdc_source_validate(s);
    UPDATE standin_private.cdc_source c SET (time_precision_mode, decimal_handling_mode, binary_handling_mode, interval_handling_mode,
        unavailable_value_placeholder, message_format, rounding, consistency, workers, transaction_topic, on_stall, stall_timeout,
        on_message, message_function, dead_letter_limit, dead_letter_window, conflict_timeout, signal_topic, signal_table,
        batch_records, batch_kilobytes, queue_kilobytes, message_topic, schema_topic)
        = (s.time_precision_mode, s.decimal_handling_mode, s.binary_handling_mode, s.interval_handling_mode,
        s.unavailable_value_placeholder, s.message_format, s.rounding, s.consistency, s.workers, s.transaction_topic, s.on_stall,
        s.stall_timeout, s.on_message, s.message_function, s.dead_letter_limit, s.dead_letter_window, s.conflict_timeout,
        s.signal_topic, s.signal_table, s.batch_records, s.batch_kilobytes, s.queue_kilobytes, s.message_topic, s.schema_topic)
    WHERE c.source = cdc_source_alter.source;
END $$;
COMMENT ON FUNCTION standin.cdc_source_alter IS 'changes options of a source, those that are given, for all that is applied from the commit on; its workers start over. Errors: 42704 unknown source or server, 42501 no USAGE on it, 22023 an option out of range';

CREATE FUNCTION standin.cdc_source_drop(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    DELETE FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_source_drop.source;
END $$;
COMMENT ON FUNCTION standin.cdc_source_drop(text) IS 'stops the source and forgets its offsets; its tables and dead letters stay. Errors: 42704 unknown source';
