CREATE FUNCTION standin_private.postgres_validator(text[], oid) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_postgres_validator';
COMMENT ON FUNCTION standin_private.postgres_validator(text[], oid) IS 'allow-list of the options of standin_postgres servers and user mappings';
CREATE FOREIGN DATA WRAPPER standin_postgres VALIDATOR standin_private.postgres_validator;
COMMENT ON FOREIGN DATA WRAPPER standin_postgres IS 'PostgreSQL core systems: libpq options on the server, user and password in the user mapping';

CREATE FUNCTION standin.core_define(
    core text, connector text DEFAULT 'postgres', server text DEFAULT NULL, connector_role text DEFAULT NULL,
    post_function text DEFAULT 'core_post', inquire_function text DEFAULT 'core_inquire', probe_function text DEFAULT NULL,
    probe_interval interval DEFAULT '1 second', rise integer DEFAULT 2, fall integer DEFAULT 3,
    minimum_dwell interval DEFAULT '10 seconds', call_timeout interval DEFAULT '3 seconds',
    backlog_ceiling bigint DEFAULT 1000000, replay_rate double precision DEFAULT 1000, replay_connections integer DEFAULT 4,
    attempts_maximum integer DEFAULT 10, time_zone text DEFAULT 'UTC') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    wrong text;
BEGIN
    IF connector = 'postgres' THEN
        IF NOT EXISTS (SELECT FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                       WHERE s.srvname = core_define.server AND w.fdwname = 'standin_postgres') THEN
            RAISE EXCEPTION 'server "%" of core "%" does not exist', core_define.server, core_define.core
                USING ERRCODE = 'undefined_object', HINT = 'CREATE SERVER ... FOREIGN DATA WRAPPER standin_postgres first.';
        END IF;
    ELSIF connector = 'function' THEN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = core_define.connector_role) THEN
            RAISE EXCEPTION 'role "%" of core "%" does not exist', core_define.connector_role, core_define.core
                USING ERRCODE = 'undefined_object', HINT = 'connector_role is the role that the connector''s functions run as.';
        END IF;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = core_define.connector_role AND (rolsuper OR rolname = 'standin_owner')) THEN
            RAISE EXCEPTION 'connector functions never run as role "%"', core_define.connector_role
                USING ERRCODE = 'insufficient_privilege', HINT = 'Name a role that is no superuser and that does not own pg_standin.';
        END IF;
        IF NOT pg_has_role(standin_private.caller(), core_define.connector_role, 'MEMBER') THEN
            RAISE EXCEPTION 'must be a member of role "%" to run a connector as it', core_define.connector_role
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        SELECT f.name INTO wrong
        FROM (VALUES (core_define.post_function, 'text, text, jsonb'), (core_define.inquire_function, 'text'),
                     (core_define.probe_function, '')) f (name, arguments)
        WHERE f.name IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname || '.' || p.proname = lower(f.name) AND oidvectortypes(p.proargtypes) = f.arguments) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'function "%" of core "%" does not exist', wrong, core_define.core
                USING ERRCODE = 'undefined_function',
                      HINT = 'Write it with its schema. Expected: post(text, text, jsonb), inquire(text), probe().';
        END IF;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = core_define.time_zone) THEN
        RAISE EXCEPTION 'time zone "%" is not known', core_define.time_zone USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO standin_private.core AS c (core, connector, server, connector_role, post_function, inquire_function, probe_function,
        probe_interval, rise, fall, minimum_dwell, call_timeout, backlog_ceiling, replay_rate, replay_connections, attempts_maximum, time_zone)
    VALUES (core_define.core, core_define.connector, core_define.server, core_define.connector_role, core_define.post_function,
        core_define.inquire_function, core_define.probe_function, core_define.probe_interval, core_define.rise, core_define.fall,
        core_define.minimum_dwell, core_define.call_timeout, core_define.backlog_ceiling, core_define.replay_rate,
        core_define.replay_connections, core_define.attempts_maximum, core_define.time_zone)
    ON CONFLICT (core) DO UPDATE SET (connector, server, connector_role, post_function, inquire_function, probe_function,
        probe_interval, rise, fall, minimum_dwell, call_timeout, backlog_ceiling, replay_rate, replay_connections, attempts_maximum, time_zone)
      = (excluded.connector, excluded.server, excluded.connector_role, excluded.post_function, excluded.inquire_function,
        excluded.probe_function, excluded.probe_interval, excluded.rise, excluded.fall, excluded.minimum_dwell, excluded.call_timeout,
        excluded.backlog_ceiling, excluded.replay_rate, excluded.replay_connections, excluded.attempts_maximum, excluded.time_zone);
    PERFORM standin_private.wake('supervisor');
    PERFORM standin_private.wake('prober');
    PERFORM standin_private.wake('replay');
END $$;
COMMENT ON FUNCTION standin.core_define IS 'defines a core banking system and its connector, or changes its settings. connector: ''postgres'' (server: a foreign server of standin_postgres) or ''function'' (post_function, inquire_function, probe_function with their schema, run as connector_role). rise, fall: good or bad probes in a row that change the mode; replay_rate: calls a second; attempts_maximum: calls spent on one transaction before a person is asked; time_zone: of the business day. Errors: 42704 unknown server, role; 42883 unknown function; 42501 not a member of connector_role; 22023 unknown time zone; 23514 a value out of range';

CREATE FUNCTION standin_private.core_require(core text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM standin_private.core c WHERE c.core = core_require.core) THEN
        RAISE EXCEPTION 'core "%" is not defined', core_require.core
            USING ERRCODE = 'undefined_object', HINT = 'Define it with standin.core_define.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.core_require IS 'an error if a core is not defined';

CREATE FUNCTION standin.operation_define(
    core text, operation text, capability text DEFAULT 'payments', account_field text DEFAULT 'account',
    amount_field text DEFAULT 'amount', required jsonb DEFAULT '{}', direction text DEFAULT 'debit', dedup text DEFAULT 'none',
    standin_allowed boolean DEFAULT false, on_reject text DEFAULT 'hold') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    wrong text;
BEGIN
    PERFORM standin_private.core_require(operation_define.core);
    SELECT r.key INTO wrong FROM jsonb_each_text(operation_define.required) r
    WHERE r.value NOT IN ('string', 'number', 'boolean', 'object', 'array');
    IF FOUND THEN
        RAISE EXCEPTION 'required field "%" of operation "%" has no JSON type', wrong, operation_define.operation
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Use string, number, boolean, object or array.';
    END IF;
    INSERT INTO standin_private.operation (core, operation, capability, account_field, amount_field, required, direction, dedup,
        standin_allowed, on_reject)
    VALUES (operation_define.core, operation_define.operation, operation_define.capability, operation_define.account_field,
        operation_define.amount_field, operation_define.required, operation_define.direction, operation_define.dedup,
        operation_define.standin_allowed, operation_define.on_reject)
    ON CONFLICT (core, operation) DO UPDATE SET (capability, account_field, amount_field, required, direction, dedup, standin_allowed, on_reject)
      = (excluded.capability, excluded.account_field, excluded.amount_field, excluded.required, excluded.direction, excluded.dedup,
        excluded.standin_allowed, excluded.on_reject);
    INSERT INTO standin_private.core_mode (core, capability, since)
    VALUES (operation_define.core, operation_define.capability, standin_private.clock_now())
    ON CONFLICT (core, capability) DO NOTHING;
    PERFORM standin_private.wake('supervisor');
END $$;
COMMENT ON FUNCTION standin.operation_define IS 'declares an operation of a core, or changes it. account_field and amount_field name fields of the payload; required: further ones with their JSON type, e.g. {"iban": "string"}; direction: ''debit'' (holds funds) or ''credit''; dedup: what the core does with a key it has seen: ''key'' (answers the same again), ''inquiry'' (can only be asked), ''none''; standin_allowed: whether stand-in may decide it; on_reject: ''hold'' stops the account at a promised transaction that the core refuses, ''continue'' does not. Errors: 42704 unknown core, 22023 unknown JSON type, 23514 another value out of range';

CREATE FUNCTION standin.rule_define(
    core text, rule text, amount numeric DEFAULT NULL, operation text DEFAULT '*', "window" text DEFAULT '', mode text DEFAULT 'enforce')
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM standin_private.core_require(rule_define.core);
    IF rule_define.operation <> '*' AND NOT EXISTS (
        SELECT FROM standin_private.operation o WHERE o.core = rule_define.core AND o.operation = rule_define.operation) THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not defined', rule_define.operation, rule_define.core
            USING ERRCODE = 'undefined_object', HINT = 'Define it with standin.operation_define, or use * for all.';
    END IF;
    INSERT INTO standin_private.rule (core, operation, rule, "window", amount, mode)
    VALUES (rule_define.core, rule_define.operation, rule_define.rule, rule_define."window", rule_define.amount, rule_define.mode)
    ON CONFLICT (core, operation, rule, "window") DO UPDATE SET (amount, mode) = (excluded.amount, excluded.mode);
END $$;
COMMENT ON FUNCTION standin.rule_define IS 'sets a stand-in rule for an operation of a core (* for all), or changes it. rule: ''per_transaction_limit'', ''cumulative_limit'' (window ''episode'' or ''business_day''), ''available_balance'', ''allowed_operation''; amount: in the payload''s currency; mode: ''enforce'', ''monitor'' (recorded in the decision, declines nothing), ''off''. Errors: 42704 unknown core or operation, 23514 unknown rule, window or mode, or no amount';

CREATE FUNCTION standin_private.column_require(target regclass, column_name text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = target AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped) THEN
        RAISE EXCEPTION 'column "%" of table % does not exist', column_name, target USING ERRCODE = 'undefined_column';
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

CREATE FUNCTION standin.balance_bind(core text, target regclass, account_column text, balance_column text, as_of_column text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM standin_private.core_require(balance_bind.core);
    PERFORM standin_private.column_require(balance_bind.target, c)
    FROM unnest(ARRAY[balance_bind.account_column, balance_bind.balance_column, balance_bind.as_of_column]) c WHERE c IS NOT NULL;
    INSERT INTO standin_private.balance_source (core, target, account_column, balance_column, as_of_column)
    VALUES (balance_bind.core, balance_bind.target, balance_bind.account_column, balance_bind.balance_column, balance_bind.as_of_column)
    ON CONFLICT (core) DO UPDATE SET (target, account_column, balance_column, as_of_column)
      = (excluded.target, excluded.account_column, excluded.balance_column, excluded.as_of_column);
END $$;
COMMENT ON FUNCTION standin.balance_bind IS 'names the replicated table that holds a core''s balances, for the rule available_balance and standin.accounts; as_of_column: its watermark. Errors: 42704 unknown core, 42703 unknown column, 42809 not a plain table, 42501 standin_owner may not read it';

CREATE FUNCTION standin.reconciliation_bind(core text, target regclass, key_column text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    binding bigint;
BEGIN
    PERFORM standin_private.core_require(reconciliation_bind.core);
    PERFORM standin_private.column_require(reconciliation_bind.target, reconciliation_bind.key_column);
    INSERT INTO standin_private.reconciliation (core, target, key_column)
    VALUES (reconciliation_bind.core, reconciliation_bind.target, reconciliation_bind.key_column)
    ON CONFLICT (target) DO UPDATE SET (core, key_column) = (excluded.core, excluded.key_column) RETURNING id INTO binding;
    PERFORM standin_private.wake('cdc');
    RETURN binding;
END $$;
COMMENT ON FUNCTION standin.reconciliation_bind IS 'names a replicated table whose rows carry our idempotency keys: an applied change event with a key confirms that transaction, in the same commit. Returns the binding''s id. Errors: 42704 unknown core, 42703 unknown column, 42809 not a plain table';
