CREATE FUNCTION standin_private.cdc_source_check(source text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.caller(); -- none of the functions that begin with this is for code in a worker
    IF NOT EXISTS (SELECT FROM standin_private.cdc_source s WHERE s.source = cdc_source_check.source) THEN
        RAISE EXCEPTION 'source "%" does not exist', source USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_sources lists the sources; standin.cdc_source_create makes one.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_source_check(text) IS 'raises 42704 if there is no such source';

CREATE FUNCTION standin_private.cdc_server_check(source text) RETURNS void
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT standin_private.server_usage_require(c.server) FROM standin_private.kafka_consumer c WHERE c.consumer = source;
$$;
COMMENT ON FUNCTION standin_private.cdc_server_check(text) IS 'raises 42501 unless the caller may use the server of the source: who chooses what is read from it uses its password';

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
    END IF;
    PERFORM standin_private.user_role_require(owner_name, format('logical messages are never handed to function %s of', function));
END $$;
COMMENT ON FUNCTION standin_private.cdc_message_function_check(regprocedure, name) IS 'raises an error with a hint if logical messages cannot be handed to the function';

CREATE FUNCTION standin_private.cdc_message_function_name(function regprocedure) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I(%s)', n.nspname, p.proname, replace(oidvectortypes(p.proargtypes), ', ', ','))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = function
$$;
COMMENT ON FUNCTION standin_private.cdc_message_function_name(regprocedure) IS 'what is kept of a function for logical messages: its name with schema and types';

CREATE FUNCTION standin_private.cdc_message_function(qualified text) RETURNS oid
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = (parse_ident(qualified, false))[1] AND p.proname = (parse_ident(qualified, false))[2]
      AND standin_private.cdc_message_function_name(p.oid) = qualified
$$;
COMMENT ON FUNCTION standin_private.cdc_message_function(text) IS 'the function of that name, without needing rights on its schema; null if it is gone';

CREATE FUNCTION standin_private.table_name(relation regclass) RETURNS text
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;
COMMENT ON FUNCTION standin_private.table_name(regclass) IS 'what is kept of a table that may be dropped: its name with schema';

CREATE FUNCTION standin_private.table_named(qualified text) RETURNS regclass
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = (parse_ident(qualified))[1] AND c.relname = (parse_ident(qualified))[2]
$$;
COMMENT ON FUNCTION standin_private.table_named(text) IS 'the table of that name, without needing rights on its schema; null if it is gone';

-- What options of a source contradict each other, and what they name; each by itself is checked by the catalogue of options.
CREATE FUNCTION standin_private.cdc_source_validate(s standin_private.cdc_source) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    function regprocedure;
BEGIN
    IF s.consistency = 'transaction' AND s.workers <> 1 THEN
        RAISE EXCEPTION 'consistency "transaction" has one worker' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Transactions of the source are applied in their order, across all partitions.';
    ELSIF s.consistency = 'transaction' AND s.transaction_topic IS NULL THEN
        RAISE EXCEPTION 'consistency "transaction" needs transaction_topic' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Set provide.transaction.metadata = true on the connector; the topic is <topic.prefix>.transaction.';
    ELSIF s.consistency = 'transaction' AND s.schema_topic IS NOT NULL THEN
        RAISE EXCEPTION 'schema_topic is for consistency "eventual"' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Changes of a schema have no place among the source''s transactions.';
    ELSIF s.on_message = 'call' AND s.message_function IS NULL THEN
        RAISE EXCEPTION 'on_message "call" needs message_function' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A function (prefix text, content bytea, lsn text).';
    ELSIF s.on_message <> 'call' AND s.message_function IS NOT NULL THEN
        RAISE EXCEPTION 'message_function is for on_message "call"' USING ERRCODE = 'invalid_parameter_value';
    ELSIF s.on_message = 'ignore' AND s.message_topic IS NOT NULL THEN
        RAISE EXCEPTION 'message_topic is for on_message "store" and "call"' USING ERRCODE = 'invalid_parameter_value';
    ELSIF s.on_gap = 'snapshot' AND (s.transaction_topic IS NULL OR s.signal_topic IS NULL AND s.signal_table IS NULL) THEN
        RAISE EXCEPTION 'on_gap "snapshot" needs transaction_topic, and signal_table or signal_topic' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The transaction topic shows what the connector lost; a signal asks it to read the tables again.';
    ELSIF s.message_function IS NOT NULL THEN
        function := standin_private.cdc_message_function(s.message_function);
        IF function IS NULL THEN
            RAISE EXCEPTION 'function % does not exist', s.message_function USING ERRCODE = 'undefined_function',
                HINT = 'It was dropped or renamed: name another in message_function.';
        END IF;
        PERFORM standin_private.cdc_message_function_check(function, standin_private.caller());
    END IF;
    IF s.on_gap = 'snapshot' AND s.signal_table IS NOT NULL THEN
        PERFORM standin_private.cdc_signal_check(s.source, standin_private.table_named(s.signal_table), standin_private.caller());
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_source_validate(standin_private.cdc_source) IS 'raises 22023 with a hint if a source cannot be so';

CREATE FUNCTION standin_private.kafka_server_require(server name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                   WHERE s.srvname = server AND w.fdwname = 'standin_kafka') THEN
        RAISE EXCEPTION 'server "%" is not a server of standin_kafka', server USING ERRCODE = 'undefined_object',
            HINT = format('CREATE SERVER %I FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" ''host:9092'');', server);
    END IF;
    PERFORM standin_private.server_usage_require(server);
END $$;
COMMENT ON FUNCTION standin_private.kafka_server_require(name) IS 'raises 42704 unless it is a server of standin_kafka, 42501 unless the caller may use it';

CREATE FUNCTION standin.cdc_source_create(
    source text, server name,
    time_precision_mode text DEFAULT NULL, decimal_handling_mode text DEFAULT NULL,
    binary_handling_mode text DEFAULT NULL, unavailable_value_placeholder text DEFAULT NULL,
    batch_records integer DEFAULT NULL, batch_kilobytes integer DEFAULT NULL, queue_kilobytes integer DEFAULT NULL,
    paused boolean DEFAULT false, interval_handling_mode text DEFAULT NULL, message_format text DEFAULT NULL,
    rounding text DEFAULT NULL, consistency text DEFAULT NULL, workers integer DEFAULT NULL,
    transaction_topic text DEFAULT NULL, on_stall text DEFAULT NULL, stall_timeout interval DEFAULT NULL,
    on_message text DEFAULT NULL, message_function regprocedure DEFAULT NULL,
    dead_letter_limit integer DEFAULT NULL, dead_letter_window interval DEFAULT NULL,
    conflict_timeout interval DEFAULT NULL, signal_topic text DEFAULT NULL, signal_table regclass DEFAULT NULL,
    message_topic text DEFAULT NULL, schema_topic text DEFAULT NULL, on_gap text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF source IS NULL OR source !~ '^[A-Za-z0-9._-]{1,100}$' THEN
        RAISE EXCEPTION 'invalid name of a source: "%"', source USING ERRCODE = 'invalid_name',
            HINT = 'Use up to 100 letters, digits, dots, underscores and dashes.';
    END IF;
    PERFORM standin_private.kafka_server_require(server);
    PERFORM standin_private.instance_bind_first();
    INSERT INTO standin_private.kafka_consumer (consumer, server, paused, changed_by)
    VALUES (cdc_source_create.source, cdc_source_create.server, coalesce(cdc_source_create.paused, false), standin_private.caller())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" already exists', source USING ERRCODE = 'duplicate_object', HINT = 'Change it with standin.cdc_source_alter.';
    END IF;
    PERFORM standin_private.option_write('source', jsonb_build_object('source', source), standin_private.option_given(jsonb_build_object(
        'time_precision_mode', time_precision_mode, 'decimal_handling_mode', decimal_handling_mode,
        'binary_handling_mode', binary_handling_mode, 'unavailable_value_placeholder', unavailable_value_placeholder,
        'batch_records', batch_records, 'batch_kilobytes', batch_kilobytes, 'queue_kilobytes', queue_kilobytes,
        'interval_handling_mode', interval_handling_mode, 'message_format', message_format, 'rounding', rounding,
        'consistency', consistency, 'workers', workers, 'transaction_topic', transaction_topic, 'on_stall', on_stall,
        'stall_timeout', stall_timeout, 'on_message', on_message,
        'message_function', standin_private.cdc_message_function_name(message_function), 'dead_letter_limit', dead_letter_limit,
        'dead_letter_window', dead_letter_window, 'conflict_timeout', conflict_timeout, 'signal_topic', signal_topic,
        'signal_table', standin_private.table_name(signal_table), 'message_topic', message_topic, 'schema_topic', schema_topic, 'on_gap', on_gap)),
        true, jsonb_build_object('created_by', standin_private.caller()));
END $$;
COMMENT ON FUNCTION standin.cdc_source_create IS 'makes a source of change events: a worker (or several, each with its partitions) reads its topics from the Kafka cluster of the server. The manual has a table of the options; what is not given has its default. Errors: 42704 unknown server, 42501 no USAGE on it, 42710 exists, 22023 an option out of range';

CREATE FUNCTION standin_private.cdc_source_write(source text, given jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source), standin_private.cdc_server_check(source);
    IF given ->> 'on_message' <> 'call' THEN
        given := '{"message_function": null}' || given;
    END IF;
    PERFORM standin_private.option_write('source', jsonb_build_object('source', source), given, false);
END $$;
COMMENT ON FUNCTION standin_private.cdc_source_write(text, jsonb) IS 'changes options of a source';

CREATE FUNCTION standin.cdc_source_alter(
    source text, server name DEFAULT NULL,
    time_precision_mode text DEFAULT NULL, decimal_handling_mode text DEFAULT NULL, binary_handling_mode text DEFAULT NULL,
    unavailable_value_placeholder text DEFAULT NULL, batch_records integer DEFAULT NULL, batch_kilobytes integer DEFAULT NULL,
    queue_kilobytes integer DEFAULT NULL, interval_handling_mode text DEFAULT NULL, message_format text DEFAULT NULL,
    rounding text DEFAULT NULL, consistency text DEFAULT NULL, workers integer DEFAULT NULL, transaction_topic text DEFAULT NULL,
    on_stall text DEFAULT NULL, stall_timeout interval DEFAULT NULL, on_message text DEFAULT NULL,
    message_function regprocedure DEFAULT NULL, dead_letter_limit integer DEFAULT NULL, dead_letter_window interval DEFAULT NULL,
    conflict_timeout interval DEFAULT NULL, signal_topic text DEFAULT NULL, signal_table regclass DEFAULT NULL,
    message_topic text DEFAULT NULL, schema_topic text DEFAULT NULL, on_gap text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source), standin_private.cdc_server_check(source);
    IF server IS NOT NULL THEN
        PERFORM standin_private.kafka_server_require(server);
        UPDATE standin_private.kafka_consumer c SET server = cdc_source_alter.server WHERE c.consumer = cdc_source_alter.source;
    END IF;
    PERFORM standin_private.cdc_source_write(source, standin_private.option_given(jsonb_build_object(
        'time_precision_mode', time_precision_mode, 'decimal_handling_mode', decimal_handling_mode,
        'binary_handling_mode', binary_handling_mode, 'unavailable_value_placeholder', unavailable_value_placeholder,
        'batch_records', batch_records, 'batch_kilobytes', batch_kilobytes, 'queue_kilobytes', queue_kilobytes,
        'interval_handling_mode', interval_handling_mode, 'message_format', message_format, 'rounding', rounding,
        'consistency', consistency, 'workers', workers, 'transaction_topic', transaction_topic, 'on_stall', on_stall,
        'stall_timeout', stall_timeout, 'on_message', on_message,
        'message_function', standin_private.cdc_message_function_name(message_function), 'dead_letter_limit', dead_letter_limit,
        'dead_letter_window', dead_letter_window, 'conflict_timeout', conflict_timeout, 'signal_topic', signal_topic,
        'signal_table', standin_private.table_name(signal_table), 'message_topic', message_topic, 'schema_topic', schema_topic, 'on_gap', on_gap)));
END $$;
COMMENT ON FUNCTION standin.cdc_source_alter IS 'changes options of a source, those that are given, for all that is applied from the commit on; its workers start over. Errors: 42704 unknown source or server, 42501 no USAGE on it, 22023 an option out of range';

CREATE FUNCTION standin.cdc_source_reset(source text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_write(source, standin_private.option_defaults('source', option));
END $$;
COMMENT ON FUNCTION standin.cdc_source_reset(text, text[]) IS 'brings options of a source back to their defaults, those that have none to nothing. Errors: 42704 unknown source or option, 42501 no USAGE on its server, 22023 options that contradict each other';

CREATE FUNCTION standin.cdc_source_drop(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    PERFORM standin_private.foreign_keys_enforce(); -- a copy that was not adopted yet has them not
    DELETE FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_source_drop.source;
END $$;
COMMENT ON FUNCTION standin.cdc_source_drop(text) IS 'stops the source and forgets its offsets; its tables and dead letters stay. Errors: 42704 unknown source';
