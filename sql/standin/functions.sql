CREATE FUNCTION standin_private.postgres_validator(text[], oid) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_postgres_validator';
COMMENT ON FUNCTION standin_private.postgres_validator(text[], oid) IS 'allow-list of the options of standin_postgres servers and user mappings';
CREATE FOREIGN DATA WRAPPER standin_postgres VALIDATOR standin_private.postgres_validator;
COMMENT ON FOREIGN DATA WRAPPER standin_postgres IS 'PostgreSQL core systems: libpq options on the server, user and password in the user mapping';

CREATE FUNCTION standin_private.core_server_require(core text, server text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                   WHERE s.srvname = core_server_require.server AND w.fdwname = 'standin_postgres') THEN
        RAISE EXCEPTION 'server "%" of core "%" does not exist', server, core
            USING ERRCODE = 'undefined_object', HINT = 'CREATE SERVER ... FOREIGN DATA WRAPPER standin_postgres first.';
    END IF;
    PERFORM standin_private.server_usage_require(server);
END $$;
COMMENT ON FUNCTION standin_private.core_server_require IS 'an error if a core cannot be reached by the foreign server, or the caller may not use it';

CREATE FUNCTION standin_private.core_functions_require(core text, made standin_private.core) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = made.connector_role) THEN
        RAISE EXCEPTION 'role "%" of core "%" does not exist', made.connector_role, core
            USING ERRCODE = 'undefined_object', HINT = 'connector_role is the role that the connector''s functions run as.';
    END IF;
    PERFORM standin_private.user_role_require(made.connector_role, 'connector functions never run as');
    IF NOT pg_has_role(standin_private.caller(), made.connector_role, 'MEMBER') THEN
        RAISE EXCEPTION 'must be a member of role "%" to run a connector as it', made.connector_role
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT f.name INTO wrong
    FROM (VALUES (made.post_function, 'text, text, jsonb'), (made.inquire_function, 'text'), (made.probe_function, ''),
                 (made.witness_function, 'text, text, text')) f (name, arguments)
    WHERE f.name IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname || '.' || p.proname = lower(f.name) AND oidvectortypes(p.proargtypes) = f.arguments) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'function "%" of core "%" does not exist', wrong, core
            USING ERRCODE = 'undefined_function',
                  HINT = 'Write it with its schema. Expected: post(text, text, jsonb), inquire(text), probe(), witness(text, text, text).';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.core_functions_require IS 'an error if a core cannot be reached by functions, or not as this role by who asks';

CREATE FUNCTION standin_private.watermark_require(core text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM standin_private.core c JOIN standin_private.balance_source b USING (core)
               LEFT JOIN pg_attribute a ON a.attrelid = b.target AND a.attname = b.as_of_column AND a.attnum > 0 AND NOT a.attisdropped
               WHERE c.core = watermark_require.core AND c.hold_release = 'watermark'
                 AND a.atttypid IS DISTINCT FROM 'timestamptz'::regtype) THEN
        RAISE EXCEPTION 'balances of core "%" have no watermark of type timestamptz', watermark_require.core
            USING ERRCODE = 'datatype_mismatch',
                  HINT = 'Name it with standin.balance_bind(..., as_of_column => ...), or use core_alter(..., hold_release => ''confirmation'').';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.watermark_require IS 'an error if holds are to be released by a watermark that cannot be compared with the time of a posting';

-- What options of a core contradict each other, and what they name; each by itself is checked by the catalogue of options.
CREATE FUNCTION standin_private.core_validate(c standin_private.core) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF c.core !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'invalid name of a core: "%"', c.core USING ERRCODE = 'invalid_name',
            HINT = 'Use up to 63 small letters, digits and underscores, beginning with a letter.';
    ELSIF c.connector = 'postgres' THEN
        PERFORM standin_private.core_server_require(c.core, c.server);
        IF c.connector_role IS NOT NULL THEN
            RAISE EXCEPTION 'connector_role is for connector "function"' USING ERRCODE = 'invalid_parameter_value';
        END IF;
    ELSE
        PERFORM standin_private.core_functions_require(c.core, c);
        IF c.server IS NOT NULL THEN
            RAISE EXCEPTION 'server is for connector "postgres"' USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = c.time_zone) THEN
        RAISE EXCEPTION 'time zone "%" is not known', c.time_zone USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The view pg_timezone_names lists them.';
    ELSIF c.currency IS NULL AND EXISTS (SELECT FROM standin_private.operation o WHERE o.core = c.core AND o.currency_field IS NOT NULL) THEN
        RAISE EXCEPTION 'operations of core "%" name a field that holds the currency', c.core USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Reset their currency_field first: standin.operation_reset.';
    ELSIF c.connections_maximum < c.replay_connections + 2 THEN
        RAISE EXCEPTION 'connections_maximum of core "%" leaves none for sessions', c.core USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('Of %s connections, %s are for replay and one is for the prober.', c.connections_maximum, c.replay_connections),
            HINT = format('Give connections_maximum of at least %s, or fewer replay_connections.', c.replay_connections + 2);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.core_validate IS 'an error if the options of a core contradict each other, or name what does not exist';

CREATE FUNCTION standin_private.core_write(core text, given jsonb, make boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before text := (SELECT c.connector FROM standin_private.core c WHERE c.core = core_write.core);
    after text := coalesce(given ->> 'connector', before, 'postgres');
BEGIN
    PERFORM standin_private.caller(), standin_private.argument_require('core', core_write.core);
    IF after IS DISTINCT FROM before THEN -- another kind of connector shares nothing with the one before
        given := standin_private.option_defaults('core', ARRAY['server', 'connector_role', 'post_function', 'inquire_function', 'probe_function', 'witness_function'])
                 || CASE after WHEN 'function' THEN '{"inquire_function": null}' ELSE '{}' END::jsonb || given;
    END IF;
    PERFORM standin_private.instance_bind_first();
    PERFORM standin_private.option_write('core', jsonb_build_object('core', core_write.core), given, make);
    PERFORM standin_private.watermark_require(core_write.core);
    INSERT INTO standin_private.posted_hold (core, account, ticket, posted_at)
    SELECT p.core, p.account, p.ticket, p.changed_at FROM standin_private.pending_transaction p
    WHERE p.core = core_write.core AND given ->> 'hold_release' = 'watermark' AND p.state = 'posted' AND p.hold > 0
    ON CONFLICT DO NOTHING;
    PERFORM standin_private.wake('prober');
    PERFORM standin_private.wake('replay');
END $$;
COMMENT ON FUNCTION standin_private.core_write IS 'makes a core (make), alters it (not make), or whichever is right (null)';

CREATE FUNCTION standin.core_create(
    core text, connector text DEFAULT NULL, server text DEFAULT NULL, connector_role text DEFAULT NULL,
    post_function text DEFAULT NULL, inquire_function text DEFAULT NULL, probe_function text DEFAULT NULL,
    probe_interval interval DEFAULT NULL, rise integer DEFAULT NULL, fall integer DEFAULT NULL,
    minimum_dwell interval DEFAULT NULL, call_timeout interval DEFAULT NULL,
    backlog_ceiling bigint DEFAULT NULL, replay_rate double precision DEFAULT NULL, replay_connections integer DEFAULT NULL,
    attempts_maximum integer DEFAULT NULL, time_zone text DEFAULT NULL, connections_maximum integer DEFAULT NULL,
    answer_kilobytes integer DEFAULT NULL, hold_release text DEFAULT NULL, witness_function text DEFAULT NULL, currency text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.core_write(core, standin_private.option_given(jsonb_build_object(
        'connector', connector, 'server', server, 'connector_role', connector_role, 'post_function', post_function,
        'inquire_function', inquire_function, 'probe_function', probe_function, 'probe_interval', probe_interval, 'rise', rise,
        'fall', fall, 'minimum_dwell', minimum_dwell, 'call_timeout', call_timeout, 'backlog_ceiling', backlog_ceiling,
        'replay_rate', replay_rate, 'replay_connections', replay_connections, 'attempts_maximum', attempts_maximum,
        'time_zone', time_zone, 'connections_maximum', connections_maximum, 'answer_kilobytes', answer_kilobytes,
        'hold_release', hold_release, 'witness_function', witness_function, 'currency', currency)), true);
END $$;
COMMENT ON FUNCTION standin.core_create IS 'makes a core banking system known, with its connector; what is not given has its default. connector: ''postgres'' (server: a foreign server of standin_postgres) or ''function'' (post_function, inquire_function, probe_function, witness_function with their schema, run as connector_role). The manual has a table of the options. Errors: 42710 exists; 42704 unknown server, role; 42883 unknown function; 42501 not a member of connector_role, no USAGE on server; 22023 an option out of range, no connection left for sessions; 42804 a watermark that is no timestamptz';

CREATE FUNCTION standin.core_alter(
    core text, connector text DEFAULT NULL, server text DEFAULT NULL, connector_role text DEFAULT NULL,
    post_function text DEFAULT NULL, inquire_function text DEFAULT NULL, probe_function text DEFAULT NULL,
    probe_interval interval DEFAULT NULL, rise integer DEFAULT NULL, fall integer DEFAULT NULL,
    minimum_dwell interval DEFAULT NULL, call_timeout interval DEFAULT NULL,
    backlog_ceiling bigint DEFAULT NULL, replay_rate double precision DEFAULT NULL, replay_connections integer DEFAULT NULL,
    attempts_maximum integer DEFAULT NULL, time_zone text DEFAULT NULL, connections_maximum integer DEFAULT NULL,
    answer_kilobytes integer DEFAULT NULL, hold_release text DEFAULT NULL, witness_function text DEFAULT NULL, currency text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.core_write(core, standin_private.option_given(jsonb_build_object(
        'connector', connector, 'server', server, 'connector_role', connector_role, 'post_function', post_function,
        'inquire_function', inquire_function, 'probe_function', probe_function, 'probe_interval', probe_interval, 'rise', rise,
        'fall', fall, 'minimum_dwell', minimum_dwell, 'call_timeout', call_timeout, 'backlog_ceiling', backlog_ceiling,
        'replay_rate', replay_rate, 'replay_connections', replay_connections, 'attempts_maximum', attempts_maximum,
        'time_zone', time_zone, 'connections_maximum', connections_maximum, 'answer_kilobytes', answer_kilobytes,
        'hold_release', hold_release, 'witness_function', witness_function, 'currency', currency)), false);
END $$;
COMMENT ON FUNCTION standin.core_alter IS 'changes those options of a core that are given; an empty text takes a function away. Another connector begins without the functions, server and role of the one before. Errors: 42704 unknown core; 42704 unknown server, role; 42883 unknown function; 42501 not a member of connector_role, no USAGE on server; 22023 an option out of range, no connection left for sessions; 42804 a watermark that is no timestamptz';

CREATE FUNCTION standin.core_define(
    core text, connector text DEFAULT NULL, server text DEFAULT NULL, connector_role text DEFAULT NULL,
    post_function text DEFAULT NULL, inquire_function text DEFAULT NULL, probe_function text DEFAULT NULL,
    probe_interval interval DEFAULT NULL, rise integer DEFAULT NULL, fall integer DEFAULT NULL,
    minimum_dwell interval DEFAULT NULL, call_timeout interval DEFAULT NULL,
    backlog_ceiling bigint DEFAULT NULL, replay_rate double precision DEFAULT NULL, replay_connections integer DEFAULT NULL,
    attempts_maximum integer DEFAULT NULL, time_zone text DEFAULT NULL, connections_maximum integer DEFAULT NULL,
    answer_kilobytes integer DEFAULT NULL, hold_release text DEFAULT NULL, witness_function text DEFAULT NULL, currency text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.core_write(core, standin_private.option_given(jsonb_build_object(
        'connector', connector, 'server', server, 'connector_role', connector_role, 'post_function', post_function,
        'inquire_function', inquire_function, 'probe_function', probe_function, 'probe_interval', probe_interval, 'rise', rise,
        'fall', fall, 'minimum_dwell', minimum_dwell, 'call_timeout', call_timeout, 'backlog_ceiling', backlog_ceiling,
        'replay_rate', replay_rate, 'replay_connections', replay_connections, 'attempts_maximum', attempts_maximum,
        'time_zone', time_zone, 'connections_maximum', connections_maximum, 'answer_kilobytes', answer_kilobytes,
        'hold_release', hold_release, 'witness_function', witness_function, 'currency', currency)), NULL);
END $$;
COMMENT ON FUNCTION standin.core_define IS 'core_create, or core_alter if the core exists; superseded by these two. Errors: theirs';

CREATE FUNCTION standin.core_reset(core text, VARIADIC option text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.core_write(core, standin_private.option_defaults('core', option), false);
END $$;
COMMENT ON FUNCTION standin.core_reset(text, text[]) IS 'brings options of a core back to their defaults, those that have none to nothing. Errors: as core_alter, 42704 unknown option';

CREATE FUNCTION standin_private.core_require(core text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM standin_private.caller(); -- none of the functions that begin with this is for code in a worker
    IF NOT EXISTS (SELECT FROM standin_private.core c WHERE c.core = core_require.core) THEN
        RAISE EXCEPTION 'core "%" is not defined', core_require.core
            USING ERRCODE = 'undefined_object', HINT = 'Make it known with standin.core_create.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.core_require IS 'an error if a core is not defined';

CREATE FUNCTION standin_private.field_pointer(field text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'standin_field_pointer';
COMMENT ON FUNCTION standin_private.field_pointer(text) IS 'a field or path of a payload as a JSON pointer; 22023 if it is neither';

CREATE FUNCTION standin_private.operation_validate(o standin_private.operation) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    IF o.operation !~ '^[A-Za-z][A-Za-z0-9_.-]{0,62}$' THEN
        RAISE EXCEPTION 'invalid name of an operation: "%"', o.operation USING ERRCODE = 'invalid_name',
            HINT = 'Use up to 63 letters, digits, dots, underscores and dashes, beginning with a letter.';
    ELSIF jsonb_typeof(o.required) <> 'object' THEN
        RAISE EXCEPTION 'invalid value for option "required": %', o.required USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is an object of fields with their JSON types, e.g. {"iban": "string"}.';
    END IF;
    SELECT r.key INTO wrong FROM jsonb_each_text(o.required) r
    WHERE coalesce(r.value NOT IN ('string', 'number', 'boolean', 'object', 'array'), true);
    IF FOUND THEN
        RAISE EXCEPTION 'required field "%" of operation "%" has no JSON type', wrong, o.operation
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use string, number, boolean, object or array.';
    ELSIF o.currency_field IS NOT NULL AND EXISTS (SELECT FROM standin_private.core c WHERE c.core = o.core AND c.currency IS NULL) THEN
        RAISE EXCEPTION 'core "%" has no currency that field "%" could be compared with', o.core, o.currency_field
            USING ERRCODE = 'invalid_parameter_value', HINT = format('SELECT standin.core_alter(%L, currency => ''EUR'');', o.core);
    END IF;
    PERFORM standin_private.field_pointer(f)
    FROM (SELECT unnest(ARRAY[o.account_field, o.amount_field, o.currency_field]) UNION ALL SELECT jsonb_object_keys(o.required)) fields (f);
END $$;
COMMENT ON FUNCTION standin_private.operation_validate IS 'an error if an operation cannot be so';

CREATE FUNCTION standin_private.operation_write(core text, operation text, given jsonb, make boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM standin_private.core_require(operation_write.core), standin_private.argument_require('operation', operation_write.operation);
    PERFORM standin_private.option_write('operation', jsonb_build_object('core', operation_write.core, 'operation', operation_write.operation),
                                         given, make);
    -- The epoch goes on where it was, should the core have been there before.
    INSERT INTO standin_private.core_mode (core, capability, since, epoch)
    SELECT o.core, o.capability, standin_private.clock_now(),
           1 + coalesce((SELECT max(c.epoch) FROM standin_private.core_mode_change c WHERE (c.core, c.capability) = (o.core, o.capability)), 0)
    FROM standin_private.operation o
    WHERE o.core = operation_write.core AND o.operation = operation_write.operation
    ON CONFLICT (core, capability) DO NOTHING;
END $$;
COMMENT ON FUNCTION standin_private.operation_write IS 'makes an operation (make), alters it (not make), or whichever is right (null)';

CREATE FUNCTION standin.operation_create(
    core text, operation text, capability text DEFAULT NULL, account_field text DEFAULT NULL,
    amount_field text DEFAULT NULL, required jsonb DEFAULT NULL, direction text DEFAULT NULL, dedup text DEFAULT NULL,
    standin_allowed boolean DEFAULT NULL, on_reject text DEFAULT NULL, currency_field text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.operation_write(core, operation, standin_private.option_given(jsonb_build_object(
        'capability', capability, 'account_field', account_field, 'amount_field', amount_field, 'required', required,
        'direction', direction, 'dedup', dedup, 'standin_allowed', standin_allowed, 'on_reject', on_reject,
        'currency_field', currency_field)), true);
END $$;
COMMENT ON FUNCTION standin.operation_create IS 'declares an operation of a core; what is not given has its default. account_field, amount_field and currency_field name fields of the payload, or paths ($.instructedAmount.amount); required: further ones with their JSON type, e.g. {"iban": "string"}; direction: ''debit'' (holds funds) or ''credit''; dedup: what the core does with a key it has seen: ''key'' (answers the same again), ''inquiry'' (can only be asked), ''none''; standin_allowed: whether stand-in may decide it; on_reject: ''hold'' stops the account at a promised transaction that the core refuses, ''continue'' does not. Errors: 42704 unknown core, 42710 exists, 42602 malformed name, 22023 an option out of range';

CREATE FUNCTION standin.operation_alter(
    core text, operation text, capability text DEFAULT NULL, account_field text DEFAULT NULL,
    amount_field text DEFAULT NULL, required jsonb DEFAULT NULL, direction text DEFAULT NULL, dedup text DEFAULT NULL,
    standin_allowed boolean DEFAULT NULL, on_reject text DEFAULT NULL, currency_field text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.operation_write(core, operation, standin_private.option_given(jsonb_build_object(
        'capability', capability, 'account_field', account_field, 'amount_field', amount_field, 'required', required,
        'direction', direction, 'dedup', dedup, 'standin_allowed', standin_allowed, 'on_reject', on_reject,
        'currency_field', currency_field)), false);
END $$;
COMMENT ON FUNCTION standin.operation_alter IS 'changes those options of an operation that are given. Errors: 42704 unknown core or operation, 22023 an option out of range';

CREATE FUNCTION standin.operation_define(
    core text, operation text, capability text DEFAULT NULL, account_field text DEFAULT NULL,
    amount_field text DEFAULT NULL, required jsonb DEFAULT NULL, direction text DEFAULT NULL, dedup text DEFAULT NULL,
    standin_allowed boolean DEFAULT NULL, on_reject text DEFAULT NULL, currency_field text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.operation_write(core, operation, standin_private.option_given(jsonb_build_object(
        'capability', capability, 'account_field', account_field, 'amount_field', amount_field, 'required', required,
        'direction', direction, 'dedup', dedup, 'standin_allowed', standin_allowed, 'on_reject', on_reject,
        'currency_field', currency_field)), NULL);
END $$;
COMMENT ON FUNCTION standin.operation_define IS 'operation_create, or operation_alter if the operation exists; superseded by these two. Errors: theirs';

CREATE FUNCTION standin.operation_reset(core text, operation text, VARIADIC option text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.operation_write(core, operation, standin_private.option_defaults('operation', option), false);
END $$;
COMMENT ON FUNCTION standin.operation_reset(text, text, text[]) IS 'brings options of an operation back to their defaults. Errors: 42704 unknown core, operation or option';

CREATE FUNCTION standin_private.columns_are_built_in(target regclass, VARIADIC column_names text[]) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(bool_and(standin_private.type_is_built_in(a.atttypid)), true) FROM pg_attribute a
    WHERE a.attrelid = target AND a.attname = ANY (column_names) AND a.attnum > 0 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION standin_private.columns_are_built_in IS 'whether those of the columns that exist are of types that PostgreSQL itself brought';

CREATE FUNCTION standin_private.column_require(target regclass, column_name text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = target AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped) THEN
        RAISE EXCEPTION 'column "%" of table % does not exist', column_name, target USING ERRCODE = 'undefined_column';
    END IF;
    IF NOT standin_private.columns_are_built_in(target, column_name) THEN
        RAISE EXCEPTION 'column "%" of table % is not of a built-in type', column_name, target USING ERRCODE = 'datatype_mismatch',
            DETAIL = 'Reading and comparing values of other types runs code of those who made them.',
            HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE ...;', target, column_name);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = target AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity) THEN
        RAISE EXCEPTION '% is not a plain table', target USING ERRCODE = 'wrong_object_type',
            HINT = 'Views and tables with row security would run their owner''s code inside the decision.';
    END IF;
    IF NOT has_table_privilege('standin_owner', target, 'SELECT') THEN
        RAISE EXCEPTION 'role standin_owner may not read table %', target USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT SELECT ON %s TO standin_owner;', target);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.column_require IS 'an error if a column of a replicated table is missing or not readable';

CREATE FUNCTION standin_private.exact_column_require(target regclass, column_name text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = target AND a.attname = column_name)
       NOT IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype) THEN
        RAISE EXCEPTION 'column "%" of table % does not hold exact amounts', column_name, target
            USING ERRCODE = 'datatype_mismatch', DETAIL = 'Money is never a float, nor a text that may be anything.',
            HINT = format('ALTER TABLE %s ALTER COLUMN %I TYPE numeric USING ...;', target, column_name);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.exact_column_require IS 'an error if a column is of no exact number';

CREATE FUNCTION standin.balance_bind(core text, target regclass, account_column text, balance_column text, as_of_column text DEFAULT NULL,
    status_column text DEFAULT NULL, overdraft_column text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM standin_private.core_require(balance_bind.core), standin_private.argument_require('target', balance_bind.target::text),
            standin_private.argument_require('account_column', balance_bind.account_column),
            standin_private.argument_require('balance_column', balance_bind.balance_column);
    PERFORM standin_private.column_require(balance_bind.target, c)
    FROM unnest(ARRAY[balance_bind.account_column, balance_bind.balance_column, balance_bind.as_of_column, balance_bind.status_column,
                      balance_bind.overdraft_column]) c WHERE c IS NOT NULL;
    PERFORM standin_private.exact_column_require(balance_bind.target, balance_bind.balance_column);
    IF (SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = balance_bind.target AND a.attname = balance_bind.overdraft_column) <> 'boolean'::regtype THEN
        RAISE EXCEPTION 'column "%" of table % is not of type boolean', balance_bind.overdraft_column, balance_bind.target
            USING ERRCODE = 'datatype_mismatch', HINT = 'It says whether the customer agreed to be overdrawn.';
    END IF;
    INSERT INTO standin_private.balance_source AS b (core, target, account_column, balance_column, as_of_column, status_column, overdraft_column)
    VALUES (balance_bind.core, balance_bind.target, balance_bind.account_column, balance_bind.balance_column, balance_bind.as_of_column,
            balance_bind.status_column, balance_bind.overdraft_column)
    ON CONFLICT (core) DO UPDATE SET (target, account_column, balance_column, as_of_column, status_column, overdraft_column)
      = (excluded.target, excluded.account_column, excluded.balance_column,
         coalesce(excluded.as_of_column, CASE WHEN b.target = excluded.target THEN b.as_of_column END),
         coalesce(excluded.status_column, CASE WHEN b.target = excluded.target THEN b.status_column END),
         coalesce(excluded.overdraft_column, CASE WHEN b.target = excluded.target THEN b.overdraft_column END));
    PERFORM standin_private.watermark_require(balance_bind.core);
END $$;
COMMENT ON FUNCTION standin.balance_bind IS 'names the replicated table that holds a core''s balances, for the rule available_balance and standin.accounts; as_of_column: its watermark, also for the rule staleness; status_column: of the account, for account_status; overdraft_column: boolean, whether the customer agreed to be overdrawn, for opt_in_overdraft. Errors: 42704 unknown core, 42703 unknown column, 42809 not a plain table, 42804 a column of a type that is not built in, or a balance that is no exact number, or an overdraft_column that is no boolean, 42501 standin_owner may not read it';

CREATE FUNCTION standin.reconciliation_bind(core text, target regclass, key_column text, account_column text DEFAULT NULL,
    amount_column text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    binding bigint;
BEGIN
    PERFORM standin_private.core_require(reconciliation_bind.core),
            standin_private.argument_require('target', reconciliation_bind.target::text),
            standin_private.argument_require('key_column', reconciliation_bind.key_column);
    PERFORM standin_private.column_require(reconciliation_bind.target, c)
    FROM unnest(ARRAY[reconciliation_bind.key_column, reconciliation_bind.account_column, reconciliation_bind.amount_column]) c
    WHERE c IS NOT NULL;
    IF reconciliation_bind.amount_column IS NOT NULL THEN
        PERFORM standin_private.exact_column_require(reconciliation_bind.target, reconciliation_bind.amount_column);
    END IF;
    INSERT INTO standin_private.reconciliation (core, target, key_column, account_column, amount_column)
    VALUES (reconciliation_bind.core, reconciliation_bind.target, reconciliation_bind.key_column, reconciliation_bind.account_column,
            reconciliation_bind.amount_column)
    ON CONFLICT (target) DO UPDATE SET (core, key_column, account_column, amount_column)
      = (excluded.core, excluded.key_column, excluded.account_column, excluded.amount_column) RETURNING id INTO binding;
    PERFORM standin_private.wake('cdc');
    RETURN binding;
END $$;
COMMENT ON FUNCTION standin.reconciliation_bind IS 'names a replicated table whose rows carry our idempotency keys: an applied change event with a key confirms that transaction, in the same commit, unless the account or amount that the core booked is another one (standin.reconciliation_differences). account_column, amount_column: where it says them; without, they are not compared; an amount''s sign is not. Returns the binding''s id. Errors: 42704 unknown core, 42703 unknown column, 42809 not a plain table, 42804 a column of a type that is not built in, or an amount that is no exact number';
