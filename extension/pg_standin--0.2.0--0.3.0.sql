\echo Use "ALTER EXTENSION pg_standin UPDATE" to load this file. \quit
-- Written by cmake/upgrade_sql.py from the two install scripts and sql/upgrade.
SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    emptied record;
BEGIN
    FOR emptied IN
        SELECT v.name, string_agg(format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod),
                   CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END, a.attname),
                   ', ' ORDER BY a.attnum) AS columns
        FROM (VALUES ('standin.stat_worker'), ('standin.cdc_signals'), ('standin.cdc_sources'), ('standin.cdc_dead_letters'), ('standin.cdc_dead_letters_discarded'), ('standin.stat_cdc'), ('standin.cdc_verifications'), ('standin.cdc_differences'), ('standin.workflows'), ('standin.workflow_steps'), ('standin_private.workflow_workers'), ('standin.core_status'), ('standin.accounts'), ('standin_private.ledger'), ('standin.conservation_faults'), ('standin.conservation'), ('standin.reconciliation_differences'), ('standin_private.worker_wanted')) v (name) JOIN pg_attribute a ON a.attrelid = v.name::regclass AND a.attnum > 0
        JOIN pg_type t ON t.oid = a.atttypid GROUP BY v.name
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s AS SELECT %s WHERE false', emptied.name, emptied.columns);
    END LOOP;
END $$;
DROP FUNCTION standin_private.cdc_one_of(option text, value text, VARIADIC allowed text[]);
DROP FUNCTION standin.cdc_source_create(source text, server name, time_precision_mode text, decimal_handling_mode text, binary_handling_mode text, unavailable_value_placeholder text, batch_records integer, batch_kilobytes integer, queue_kilobytes integer, paused boolean, interval_handling_mode text, message_format text, rounding text, consistency text, workers integer, transaction_topic text, on_stall text, stall_timeout interval, on_message text, message_function regprocedure, dead_letter_limit integer, dead_letter_window interval, conflict_timeout interval, signal_topic text, signal_table regclass, message_topic text, schema_topic text);
DROP FUNCTION standin.cdc_source_alter(source text, server name, time_precision_mode text, decimal_handling_mode text, binary_handling_mode text, unavailable_value_placeholder text, batch_records integer, batch_kilobytes integer, queue_kilobytes integer, interval_handling_mode text, message_format text, rounding text, consistency text, workers integer, transaction_topic text, on_stall text, stall_timeout interval, on_message text, message_function regprocedure, dead_letter_limit integer, dead_letter_window interval, conflict_timeout interval, signal_topic text, signal_table regclass, message_topic text, schema_topic text);
DROP FUNCTION standin.cdc_table_add(source text, topic text, target regclass, apply_role name, on_truncate text, kind text, schema_evolution text, foreign_keys text, row_filter text, data_collection text);
DROP FUNCTION standin.cdc_dead_letter_discard(source text, reason text, topic text, sqlstate text);
DROP FUNCTION standin.workflow_define(name text, procedure regprocedure, recovery_limit integer);
DROP FUNCTION standin.workflow_start(name text, id text, input jsonb);
DROP FUNCTION standin_private.workflow_take(role oid, executor text);
DROP PROCEDURE standin.step(name text, handler text, input jsonb, INOUT output jsonb, retries integer);
DROP FUNCTION standin.core_define(core text, connector text, server text, connector_role text, post_function text, inquire_function text, probe_function text, probe_interval interval, rise integer, fall integer, minimum_dwell interval, call_timeout interval, backlog_ceiling bigint, replay_rate double precision, replay_connections integer, attempts_maximum integer, time_zone text);
DROP FUNCTION standin.operation_define(core text, operation text, capability text, account_field text, amount_field text, required jsonb, direction text, dedup text, standin_allowed boolean, on_reject text);
DROP FUNCTION standin.rule_define(core text, rule text, amount numeric, operation text, "window" text, mode text);
DROP FUNCTION standin.balance_bind(core text, target regclass, account_column text, balance_column text, as_of_column text);
DROP FUNCTION standin.reconciliation_bind(core text, target regclass, key_column text);
DROP FUNCTION standin_private.account_overlay(OUT core text, OUT account text, OUT balance numeric, OUT held numeric, OUT as_of text);
DROP FUNCTION standin.capability_define(capability text, bian_domain text, owner text, important_service boolean, impact_tolerance interval, bian_release text);

-- Tables that changed, with what they hold. What was decided silently in version 0.2.0 is decided so still.
-- cmake/upgrade_sql.py writes the rest of the upgrade: what is new, and functions and views that changed.
ALTER TABLE standin_private.core
    ADD COLUMN connections_maximum integer NOT NULL DEFAULT 20 CHECK (connections_maximum BETWEEN 3 AND 10000),
    ADD COLUMN answer_kilobytes integer NOT NULL DEFAULT 1024 CHECK (answer_kilobytes BETWEEN 64 AND 1048576),
    ADD COLUMN hold_release text NOT NULL DEFAULT 'confirmation' CHECK (hold_release IN ('confirmation', 'watermark')),
    ADD COLUMN witness_function text CHECK (witness_function ~ '^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$'),
    ADD COLUMN currency text CHECK (currency ~ '^[A-Z]{3}$');
ALTER TABLE standin_private.reconciliation ADD COLUMN account_column text, ADD COLUMN amount_column text;
ALTER TABLE standin_private.core_event ADD COLUMN booked_account text, ADD COLUMN booked_amount numeric;
ALTER TABLE standin_private.balance_source ADD COLUMN status_column text, ADD COLUMN overdraft_column text;
ALTER TABLE standin_private.account
    ADD COLUMN episode_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN day_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN recent bigint[];
ALTER TABLE standin_private.rule
    DROP CONSTRAINT rule_pkey, DROP CONSTRAINT rule_rule_check, DROP CONSTRAINT rule_window_check, DROP CONSTRAINT rule_check, DROP CONSTRAINT rule_check1,
    ADD COLUMN account text NOT NULL DEFAULT '*' CHECK (octet_length(account) BETWEEN 1 AND 255),
    ADD COLUMN maximum_count integer CHECK (maximum_count > 0),
    ADD COLUMN maximum_age interval CHECK (maximum_age >= interval '0'),
    ADD COLUMN hours text CHECK (hours ~ '^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$'),
    ADD COLUMN statuses text,
    ADD COLUMN code text CHECK (code ~ '^(0[1-9]|[1-9][0-9])$'),
    ADD COLUMN effective_from timestamptz,
    ADD COLUMN effective_to timestamptz,
    ADD PRIMARY KEY (core, account, operation, rule, "window"),
    ADD CONSTRAINT rule_window_check CHECK ("window" IN ('', 'episode', 'business_day') OR "window" ~ '^[0-9]'),
    ADD CONSTRAINT rule_known CHECK (rule IN ('allowed_operation', 'block_list', 'allow_list', 'account_status', 'cutoff_window', 'per_transaction_minimum',
        'per_transaction_limit', 'episode_age', 'floor', 'staleness', 'available_balance', 'opt_in_overdraft', 'velocity_count', 'cumulative_limit')),
    ADD CONSTRAINT rule_windowed CHECK ((rule IN ('cumulative_limit', 'velocity_count', 'episode_age')) = ("window" <> '')),
    ADD CONSTRAINT rule_complete CHECK (CASE WHEN rule IN ('per_transaction_limit', 'per_transaction_minimum', 'cumulative_limit', 'floor') THEN amount IS NOT NULL
                                         WHEN rule = 'velocity_count' THEN maximum_count IS NOT NULL
                                         WHEN rule = 'staleness' THEN maximum_age IS NOT NULL
                                         WHEN rule = 'cutoff_window' THEN hours IS NOT NULL
                                         WHEN rule = 'account_status' THEN statuses IS NOT NULL ELSE true END);
ALTER TABLE standin_private.core_mode ADD COLUMN backlog_at timestamptz, ADD COLUMN backlog_rate double precision;
-- So that they are what became of them.
ALTER TABLE standin_private.cdc_progress ADD COLUMN records bigint NOT NULL DEFAULT 0, ADD COLUMN record_rate double precision;
UPDATE standin_private.cdc_progress
SET records = reads + inserts + updates + deletes + truncates + messages + ignored + filtered + duplicates + dead_letters;
ALTER TABLE standin_private.operation
    ALTER COLUMN capability SET DEFAULT 'payments',
    ALTER COLUMN account_field SET DEFAULT 'account',
    ALTER COLUMN amount_field SET DEFAULT 'amount',
    ALTER COLUMN direction SET DEFAULT 'debit',
    ALTER COLUMN dedup SET DEFAULT 'none',
    ADD COLUMN currency_field text;
-- What begins with "$." is a path now. The name of a field that does is one in quotes.
UPDATE standin_private.operation
SET account_field = CASE WHEN account_field LIKE '$.%' THEN '$."' || account_field || '"' ELSE account_field END,
    amount_field = CASE WHEN amount_field LIKE '$.%' THEN '$."' || amount_field || '"' ELSE amount_field END,
    required = (SELECT coalesce(jsonb_object_agg(CASE WHEN r.key LIKE '$.%' THEN '$."' || r.key || '"' ELSE r.key END, r.value), '{}')
                FROM jsonb_each(required) r)
WHERE account_field LIKE '$.%' OR amount_field LIKE '$.%' OR required::text LIKE '%"$.%';
-- A core's connections are bounded now; replay and prober go on as they did.
UPDATE standin_private.core SET connections_maximum = replay_connections + 16 WHERE connections_maximum < replay_connections + 16;
-- The queue is read by its heads: what is in flight is the head of its account, so pending_transaction_sent goes.
DROP INDEX standin_private.pending_transaction_sent;
-- Keys that were taken are bare ones.
ALTER TABLE standin_private.transaction_key
    ADD COLUMN channel text NOT NULL DEFAULT '',
    ADD CHECK (channel = '' OR starts_with(key, channel || '/'));
-- Logs are append-only by sql/kernel/logs.sql; comparisons outlive their source.
DROP TRIGGER append_only ON standin_private.decision;
DROP TRIGGER append_only ON standin_private.core_answer;
DROP TRIGGER append_only ON standin_private.core_event;
DROP TRIGGER append_only ON standin_private.repair;
ALTER TABLE standin_private.cdc_verification DROP CONSTRAINT cdc_verification_source_fkey;
ALTER TABLE standin_private.cdc_difference DROP CONSTRAINT cdc_difference_run_fkey,
    ADD FOREIGN KEY (run) REFERENCES standin_private.cdc_verification ON DELETE RESTRICT;

ALTER TABLE standin_private.kafka_dead_letter ADD COLUMN restored_at timestamptz, ADD COLUMN restored_by name;
ALTER TABLE standin_private.kafka_dead_letter_discarded ADD COLUMN restored_at timestamptz, ADD COLUMN restored_by name;
-- Dead letters keep the hint of their error.
ALTER TABLE standin_private.kafka_dead_letter ADD COLUMN hint text;
ALTER TABLE standin_private.kafka_dead_letter_discarded ADD COLUMN hint text;

-- What an insert took from a row that had not left its old key is not mended any more.
DELETE FROM standin_private.cdc_key_change WHERE fetched;
ALTER TABLE standin_private.cdc_key_change DROP COLUMN fetched, DROP COLUMN new_key;

ALTER TABLE standin_private.cdc_source
    ADD COLUMN on_gap text NOT NULL DEFAULT 'report' CHECK (on_gap IN ('report', 'snapshot'));

-- Names where numbers were kept that a dump or pg_upgrade does not carry over. What was dropped leaves a number.
ALTER TABLE standin_private.cdc_source
    ALTER COLUMN message_function TYPE text USING regexp_replace(message_function::text, '^([0-9]+)$', 'dropped."\1"(text,bytea,text)'),
    ALTER COLUMN signal_table TYPE text USING regexp_replace(signal_table::text, '^([0-9]+)$', 'dropped."\1"');
ALTER TABLE standin_private.cdc_signal
    ALTER COLUMN signal_table TYPE text USING regexp_replace(signal_table::text, '^([0-9]+)$', 'dropped."\1"');
ALTER TABLE standin_private.cdc_verification
    ALTER COLUMN target TYPE text USING regexp_replace(target::text, '^([0-9]+)$', 'dropped."\1"'),
    ALTER COLUMN reference TYPE text USING regexp_replace(reference::text, '^([0-9]+)$', 'dropped."\1"');
DELETE FROM standin_private.workflow_role r WHERE NOT EXISTS (SELECT FROM pg_roles a WHERE a.oid = r.role);
ALTER TABLE standin_private.workflow_role ALTER COLUMN role TYPE name USING pg_get_userbyid(role);
ALTER TABLE standin_private.workflow_run ALTER COLUMN submitter TYPE name USING pg_get_userbyid(submitter);
ALTER TABLE standin_private.workflow_task
    ALTER COLUMN submitter TYPE name USING pg_get_userbyid(submitter),
    ALTER COLUMN claimed_by TYPE name USING pg_get_userbyid(claimed_by);

-- Ready workflows are taken by sequence, whatever the clock says.
ALTER TABLE standin_private.workflow_task
    ALTER COLUMN available_at SET DEFAULT '-infinity',
    ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY;
UPDATE standin_private.workflow_task SET available_at = '-infinity' WHERE available_at <= standin_private.clock_now() AND token = 0;
DROP INDEX standin_private.workflow_task_external, standin_private.workflow_task_database;
CREATE INDEX workflow_task_external ON standin_private.workflow_task (name, available_at, seq) WHERE form = 'external';
CREATE INDEX workflow_task_database ON standin_private.workflow_task (submitter, available_at, seq) WHERE form = 'database';

-- Workflows sleep, wait, are cancelled and compensated.
ALTER TABLE standin_private.workflow_definition
    ADD COLUMN code text,
    ADD COLUMN step_limit integer NOT NULL DEFAULT 10000 CHECK (step_limit > 0);
ALTER TABLE standin_private.workflow_run
    DROP CONSTRAINT workflow_run_status_check,
    ADD CONSTRAINT workflow_run_status_check CHECK (status IN ('open', 'completed', 'failed', 'dead', 'cancelled')),
    DROP CONSTRAINT workflow_run_check2,
    ADD CONSTRAINT workflow_run_check2 CHECK ((status IN ('failed', 'dead', 'cancelled')) = (error IS NOT NULL)),
    ADD COLUMN parent text;
ALTER TABLE standin_private.workflow_task
    ADD COLUMN waiting text CHECK (waiting IN ('start', 'sleep', 'retry', 'message', 'event', 'workflow', 'paused', 'blocked')),
    ADD COLUMN waiting_for text,
    ADD COLUMN wait_seq integer,
    ADD COLUMN wait_until timestamptz,
    ADD COLUMN suspended boolean NOT NULL DEFAULT false,
    ADD COLUMN control jsonb,
    ADD COLUMN ending jsonb;
ALTER TABLE standin_private.workflow_step ADD COLUMN kind text NOT NULL DEFAULT 'step';

DO $$
BEGIN
    IF NOT 'pg_standin' = ANY (SELECT trim(both ' "' FROM library)
                               FROM unnest(string_to_array(current_setting('shared_preload_libraries'), ',')) AS library) THEN
        RAISE EXCEPTION 'pg_standin must be loaded at server start'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add pg_standin to shared_preload_libraries in postgresql.conf and restart the server.';
    END IF;
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'pg_standin needs a database with encoding UTF8, this one has %', current_setting('server_encoding')
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Change events are UTF-8. Create a database with ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END $$;
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['standin_owner', 'standin_app', 'standin_operator', 'standin_approver',
                                     'standin_auditor', 'standin_admin', 'standin_nobody'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'standin_owner' AND (rolsuper OR rolcanlogin)) THEN
        RAISE EXCEPTION 'role standin_owner must be neither superuser nor able to log in'
            USING ERRCODE = 'invalid_grant_operation',
                  HINT = 'It owns the tables of pg_standin and runs its statements: ALTER ROLE standin_owner NOSUPERUSER NOLOGIN.';
    END IF;
END $$;
COMMENT ON ROLE standin_nobody IS 'has no rights: what triggers of others defer to the commit of a pg_standin worker runs as it';
COMMENT ON SCHEMA standin IS 'pg_standin: what applications, operators and auditors call and read';
COMMENT ON SCHEMA standin_private IS 'pg_standin: its tables and helpers; not for direct use';
GRANT USAGE ON SCHEMA standin TO standin_app, standin_operator, standin_approver, standin_auditor, standin_admin;
COMMENT ON FUNCTION standin.version() IS 'version of the loaded library; the SQL objects have that of pg_extension.extversion';
COMMENT ON FUNCTION standin_private.caller() IS 'who called a SECURITY DEFINER function: the session''s user or what it SET ROLE to; an error in code that an index, a materialized view, a connector or a trigger in one of the workers runs';
CREATE FUNCTION standin_private.argument_require(name text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION 'argument "%" must not be null', name USING ERRCODE = 'null_value_not_allowed';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.argument_require(text, text) IS 'raises 22004 if an argument is null that must not be';
COMMENT ON FUNCTION standin_private.wake(text) IS 'at the commit of this transaction, wakes the workers or sessions that listen to the channel';
COMMENT ON FUNCTION standin_private.wake_trigger() IS 'statement trigger: wakes the channels given as its arguments at commit';
COMMENT ON FUNCTION standin_private.clock_now() IS 'the product''s one clock: that of the server, unless a test advanced it';
CREATE FUNCTION standin_private.log_at_commit(line text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_log_at_commit';
COMMENT ON FUNCTION standin_private.log_at_commit(text) IS 'a line of the server''s log if this transaction commits';
CREATE FUNCTION standin_private.server_usage_require(server name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller name := standin_private.caller();
BEGIN
    IF has_server_privilege(caller, server, 'USAGE') IS NOT TRUE THEN
        RAISE EXCEPTION 'permission denied for foreign server %', server USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'Its user mapping of standin_owner holds somebody''s password.',
            HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', server, caller);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.server_usage_require(name) IS 'raises 42501 unless the caller may use the foreign server, and with it the password that its user mapping has for us';
CREATE FUNCTION standin_private.user_role_require(role name, what text) RETURNS void
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'standin_user_role_require';
COMMENT ON FUNCTION standin_private.user_role_require(name, text) IS 'raises 42501, beginning with what, for a role that code of users never runs as: a superuser, a role of pg_standin, or one with a membership, however indirect, in a superuser or standin_owner';
CREATE FUNCTION standin_private.type_is_built_in(type oid) RETURNS boolean
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'standin_type_is_built_in';
COMMENT ON FUNCTION standin_private.type_is_built_in(oid) IS 'whether PostgreSQL itself brought the type: reading, writing or comparing its values runs nobody''s code';
CREATE FUNCTION standin_private.foreign_parts(OUT part text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH own AS MATERIALIZED (
        SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.extname = 'pg_standin' AND d.refobjid = e.oid
        WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    ), own_table AS MATERIALIZED (
        SELECT c.oid, c.reltype, c.relrowsecurity FROM pg_class c JOIN own o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid
        WHERE c.relkind IN ('r', 'p')
    ), own_code AS MATERIALIZED (
        SELECT o.classid, o.objid FROM own o
        UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t
        WHERE t.typelem IN (SELECT o.objid FROM own o WHERE o.classid = 'pg_type'::regclass)
           OR t.oid IN (SELECT reltype FROM own_table) OR t.typelem IN (SELECT reltype FROM own_table)
    ), attached (classid, objid) AS ( -- foreign if it refers to code that is
        SELECT 'pg_class'::regclass::oid, t.oid FROM own_table t
        UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c WHERE c.conrelid IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_attrdef'::regclass, a.oid FROM pg_attrdef a WHERE a.adrelid IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g WHERE g.tgrelid IN (SELECT oid FROM own_table) AND NOT g.tgisinternal
    ), foreign_part (classid, objid) AS (
        SELECT a.classid, a.objid FROM attached a
        WHERE EXISTS (SELECT FROM pg_depend d WHERE d.classid = a.classid AND d.objid = a.objid
                        AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass)
                        AND NOT EXISTS (SELECT FROM own_code o WHERE o.classid = d.refclassid AND o.objid = d.refobjid))
        UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p WHERE p.polrelid IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_class'::regclass, t.oid FROM own_table t WHERE t.relrowsecurity
        UNION ALL SELECT 'pg_class'::regclass, i.inhrelid FROM pg_inherits i
                  WHERE i.inhparent IN (SELECT oid FROM own_table) AND i.inhrelid NOT IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c
                  WHERE c.contype = 'f' AND (c.conrelid IN (SELECT oid FROM own_table)) <> (c.confrelid IN (SELECT oid FROM own_table))
    )
    SELECT DISTINCT pg_describe_object(f.classid, f.objid, 0) || ' is not of pg_standin, or has something that is not' FROM foreign_part f ORDER BY 1
$$;
COMMENT ON FUNCTION standin_private.foreign_parts() IS 'triggers, rules, policies, row security, inheritance, foreign keys from or to outside, and columns, constraints, defaults and indexes with code that is not of the extension, on its tables: while there is one, no worker starts';
COMMENT ON TABLE standin_private.instance IS 'servers that were bound to the outside, and by whom; kept whole';
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.instance
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor');
COMMENT ON FUNCTION standin_private.instance_observed() IS 'what this server is: facts the instance guard compares';
COMMENT ON FUNCTION standin_private.timeline_descends(integer) IS 'whether this server''s timeline is the given one or a promotion of it';
CREATE FUNCTION standin_private.instance_has_work() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM standin_private.kafka_consumer) OR EXISTS (SELECT FROM standin_private.cdc_source)
        OR EXISTS (SELECT FROM standin_private.core) OR EXISTS (SELECT FROM standin_private.outbox_relay)
        OR EXISTS (SELECT FROM standin_private.workflow_definition) OR EXISTS (SELECT FROM standin_private.workflow_role)
        OR EXISTS (SELECT FROM standin_private.workflow_run) OR EXISTS (SELECT FROM standin_private.schedule);
END $$;
COMMENT ON FUNCTION standin_private.instance_has_work() IS 'whether a source, a core, a relay or a workflow is defined here';
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
CREATE OR REPLACE FUNCTION standin_private.instance_refusal() RETURNS text
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
CREATE OR REPLACE FUNCTION standin_private.instance_bind(why text) RETURNS uuid
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
CREATE OR REPLACE FUNCTION standin.instance_adopt(reason text) RETURNS uuid
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
COMMENT ON VIEW standin.instance IS 'servers bound to the outside, none before something is defined; refusal says why no worker runs in this one, null if they do';
GRANT EXECUTE ON FUNCTION standin.instance_adopt(text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.instance_refusal() TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.instance TO standin_operator, standin_auditor, standin_admin;
COMMENT ON TABLE standin_private.worker_mark IS 'workers started a moment ago; a mark that outlives the server names a suspect of its crash; kept whole';
COMMENT ON FUNCTION standin_private.stat_worker() IS 'the registry of workers in shared memory, this database''s part';
CREATE FUNCTION standin_private.stat_worker_times(OUT kind text, OUT key text, OUT recovered_at timestamptz, OUT end_seen_at timestamptz)
RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'standin_stat_worker_times';
COMMENT ON FUNCTION standin_private.stat_worker_times() IS 'the same: when a worker went on after its last error, and when it last knew how far what it reads goes';
CREATE VIEW standin_private.worker_status AS
SELECT w.*, t.recovered_at, t.end_seen_at, nullif(pg_blocking_pids(w.pid), '{}') AS blocked_by
FROM standin_private.stat_worker() w LEFT JOIN standin_private.stat_worker_times() t USING (kind, key);
COMMENT ON VIEW standin_private.worker_status IS 'all that is known of this database''s workers';
COMMENT ON FUNCTION standin_private.process_memory(integer) IS 'bytes of memory that a server process has to itself right now (Linux: RssAnon), or null if there is no such process';
CREATE OR REPLACE VIEW standin.stat_worker AS
SELECT w.kind, w.key, r.rolname AS role, w.state, w.detail, w.pid, w.since, w.restarts, w.error_sqlstate, w.last_error,
       w.error_at, w.outward, standin_private.process_memory(w.pid) AS memory_bytes, w.recovered_at, w.blocked_by
FROM standin_private.worker_status w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin.stat_worker IS 'the background workers of this database and its supervisor, running or not';
COMMENT ON COLUMN standin.stat_worker.state IS 'the worker''s own word (running, paused, blocked by a session''s lock...), or: starting, stopped, crashed, held (suspected of a server crash), refused (instance guard, or a role that may not log in or is gone), no_slot (max_worker_processes; executors of more roles than there are processes take turns)';
COMMENT ON COLUMN standin.stat_worker.memory_bytes IS 'resident memory of its own, now; shared memory is not counted';
COMMENT ON COLUMN standin.stat_worker.last_error IS 'what went wrong last, whether it is over or not: see recovered_at';
COMMENT ON COLUMN standin.stat_worker.recovered_at IS 'when the worker had done what had failed with last_error, or something after it: that is over; null: it is not yet, or nothing has failed';
COMMENT ON COLUMN standin.stat_worker.blocked_by IS 'processes for whose locks the worker waits at this moment (0: a prepared transaction); a worker gives up after 3 s, is blocked for as long as it tries again, and names in detail who it may have been';
COMMENT ON COLUMN standin.stat_worker.restarts IS 'failures in a row';
GRANT EXECUTE ON FUNCTION standin_private.stat_worker(), standin_private.stat_worker_times(), standin_private.process_memory(integer) TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.stat_worker TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT USAGE ON SCHEMA standin TO pg_monitor;
COMMENT ON FUNCTION standin_private.clock_advance(interval) IS 'for tests: puts the product''s clock forward; superusers only, with pg_standin.allow_test_clock = on';
COMMENT ON FUNCTION standin_private.crash_point_arm(text, integer) IS 'for tests: the process that reaches the named point (after skip passes) kills itself; superusers only, test builds only';
CREATE TABLE standin_private.clock_mark (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    highest timestamptz NOT NULL,
    put_back_at timestamptz,
    put_back_by interval,
    CHECK ((put_back_at IS NULL) = (put_back_by IS NULL))
);
COMMENT ON TABLE standin_private.clock_mark IS 'the latest time that the supervisor has seen, to the minute, and when the clock went back last; of one server, so no dump has it; kept whole';
CREATE FUNCTION standin_private.clock_shift(step interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present timestamptz := standin_private.clock_now();
BEGIN
    UPDATE standin_private.workflow_task t SET available_at = t.available_at - step, claimed_at = t.claimed_at - step
     WHERE t.workflow_id IN (SELECT workflow_id FROM standin_private.workflow_task
                              WHERE form = 'external' AND claimed_at > present FOR UPDATE SKIP LOCKED);
    UPDATE standin_private.pending_transaction p SET due_at = p.due_at - step, sent_at = p.sent_at - step
     WHERE (p.ticket, p.account) IN (SELECT ticket, account FROM standin_private.pending_transaction
                                      WHERE state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
                                        AND (due_at > present OR sent_at > present) FOR UPDATE SKIP LOCKED);
    UPDATE standin_private.core_mode m SET since = least(m.since, present), probed_at = least(m.probed_at, present)
     WHERE (m.core, m.capability) IN (SELECT core, capability FROM standin_private.core_mode
                                       WHERE since > present OR probed_at > present FOR UPDATE SKIP LOCKED);
    UPDATE standin_private.schedule s SET due_at = present -- for the scheduler to find the time of the next try, or tick
     WHERE s.schedule IN (SELECT schedule FROM standin_private.schedule WHERE due_at > present FOR NO KEY UPDATE SKIP LOCKED);
    PERFORM standin_private.wake('replay'), standin_private.wake('prober'), standin_private.wake('claim'), standin_private.wake('schedule');
END $$;
COMMENT ON FUNCTION standin_private.clock_shift(interval) IS 'after the clock was put back: what ends at a time ends as much earlier. Waits for nobody';
CREATE FUNCTION standin_private.clock_watch() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present timestamptz := standin_private.clock_now();
    mark standin_private.clock_mark;
BEGIN
    SELECT * INTO mark FROM standin_private.clock_mark;
    IF mark.highest IS NULL THEN
        INSERT INTO standin_private.clock_mark (highest) VALUES (present) ON CONFLICT DO NOTHING;
    ELSIF present < mark.highest - interval '1 min' THEN
        mark.put_back_by := mark.highest - present;
        UPDATE standin_private.clock_mark SET highest = present, put_back_at = present, put_back_by = mark.put_back_by;
        PERFORM standin_private.clock_shift(mark.put_back_by);
        PERFORM standin_private.log_at_commit(format('pg_standin finds the clock put back by %s: before, it was %s', mark.put_back_by, mark.highest));
    ELSIF present > mark.highest + interval '1 min' THEN
        UPDATE standin_private.clock_mark SET highest = present;
    END IF;
    RETURN standin_private.clock_put_back();
END $$;
COMMENT ON FUNCTION standin_private.clock_watch() IS 'the supervisor''s look at the clock, once a minute or more often; returns what clock_put_back does';
CREATE FUNCTION standin_private.clock_put_back() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('the clock was put back by %s at %s', c.put_back_by, c.put_back_at) FROM standin_private.clock_mark c
    WHERE standin_private.clock_now() BETWEEN c.put_back_at AND c.put_back_at + interval '1 day'
$$;
COMMENT ON FUNCTION standin_private.clock_put_back() IS 'that the clock was put back within the last day, or null';
COMMENT ON FUNCTION standin_private.librdkafka_version() IS 'version of the Kafka client library in this process';
CREATE FUNCTION standin_private.cores_that_never_release() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(h.core, ', ' ORDER BY h.core) FROM standin_private.core_holds h WHERE h.holds = 'never released');
END $$;
COMMENT ON FUNCTION standin_private.cores_that_never_release() IS 'cores whose balances are bound and whose postings nothing confirms; null: none';
CREATE FUNCTION standin_private.roles_missing() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(format('%s (%s)', n.role, n.place), ', ' ORDER BY n.role, n.place)
            FROM (SELECT t.apply_role::text AS role, format('apply_role of topic %s', t.topic) AS place FROM standin_private.cdc_table t
                  UNION ALL SELECT p.owner, format('owner of the table planned for topic %s', p.topic) FROM standin_private.cdc_table_planned p
                  UNION ALL SELECT c.connector_role, format('connector_role of core %s', c.core) FROM standin_private.core c
                  UNION ALL SELECT g.role, format('operations granted at core %s', g.core) FROM (SELECT DISTINCT role, core FROM standin_private.operation_grant) g
                  UNION ALL SELECT w.role, 'workflows' FROM standin_private.workflow_role w) n (role, place)
            WHERE n.role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = n.role));
END $$;
COMMENT ON FUNCTION standin_private.roles_missing() IS 'roles that are named somewhere and do not exist any more: whoever gets such a name gets the rights; null: none';
CREATE FUNCTION standin_private.cores_without_witness() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(c.core, ', ' ORDER BY c.core) FROM standin_private.core c WHERE c.witness_function IS NULL);
END $$;
COMMENT ON FUNCTION standin_private.cores_without_witness() IS 'cores that cannot tell an old copy of this database from the newest; null: none';
CREATE FUNCTION standin_private.relays_that_stand() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(format('%s (%s: %s)', s.relay, s.state, s.reason), ', ' ORDER BY s.relay) FROM standin.stat_outbox s
            WHERE s.state IN ('blocked', 'fenced', 'diverged'));
END $$;
COMMENT ON FUNCTION standin_private.relays_that_stand() IS 'relays that send nothing until somebody does something; null: none';
CREATE OR REPLACE FUNCTION standin.preflight(OUT check_name text, OUT status text, OUT found text, OUT advice text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.check_name, CASE WHEN c.good THEN 'ok' ELSE c.otherwise END, c.found, CASE WHEN NOT c.good THEN c.advice END
    FROM (VALUES
        ('library_version',
         standin.version() = (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_standin'), 'error',
         standin.version(), 'run ALTER EXTENSION pg_standin UPDATE, or restart the server with the matching library'),
        ('instance',
         standin_private.instance_refusal() IS NULL, 'error',
         coalesce(standin_private.instance_refusal(), 'bound to this server'),
         'call standin.instance_adopt(reason) if the server bound before is gone for good'),
        ('max_worker_processes',
         current_setting('max_worker_processes')::integer >= 5 + (SELECT count(*) FROM standin_private.worker_wanted w WHERE w.kind <> 'executor'), 'error',
         current_setting('max_worker_processes'), 'one launcher, one supervisor a database, one process a worker, some for executors, and parallel query: raise it'),
        ('supervisor',
         EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.kind = 'supervisor' AND w.state = 'running'), 'error',
         (SELECT concat_ws(': ', w.state, w.detail) FROM standin_private.stat_worker() w WHERE w.kind = 'supervisor'),
         'without it no worker of this database runs; with state no_slot raise max_worker_processes and restart'),
        ('workers_without_slot',
         NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.state = 'no_slot' AND w.kind <> 'executor'), 'error',
         (SELECT count(*)::text FROM standin_private.stat_worker() w WHERE w.state = 'no_slot' AND w.kind <> 'executor'), 'raise max_worker_processes and restart'),
        ('executors_without_slot',
         NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.state = 'no_slot' AND w.kind = 'executor'), 'warning',
         (SELECT count(*)::text FROM standin_private.stat_worker() w WHERE w.state = 'no_slot' AND w.kind = 'executor'),
         'more roles have workflows than there are processes: they take turns; raise max_worker_processes'),
        ('workers_without_place',
         NOT EXISTS (SELECT FROM standin_private.worker_wanted w WHERE (w.kind, w.key) NOT IN (SELECT s.kind, s.key FROM standin_private.stat_worker() s))
         OR NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.kind = 'supervisor' AND w.state = 'running'), 'error',
         (SELECT count(*)::text FROM standin_private.worker_wanted w WHERE (w.kind, w.key) NOT IN (SELECT s.kind, s.key FROM standin_private.stat_worker() s)),
         'if it stays so: the server has no place for more workers, of all databases together'),
        ('foreign_parts',
         NOT EXISTS (SELECT FROM standin_private.foreign_parts()), 'error',
         coalesce((SELECT string_agg(f.part, '; ') FROM standin_private.foreign_parts() f), 'none'),
         'drop it: it runs with the rights of pg_standin, and no worker starts while it is there'),
        ('holds', standin_private.cores_that_never_release() IS NULL, 'error',
         coalesce('never released by ' || standin_private.cores_that_never_release(), 'released'),
         'what is posted holds customers'' money for ever: call standin.reconciliation_bind, or standin.core_alter(core, hold_release => ''watermark'')'),
        ('roles', standin_private.roles_missing() IS NULL, 'error', coalesce('gone: ' || standin_private.roles_missing(), 'all exist'),
         'what is named after a dropped role stands still, and a new role of that name would take it over: name another, or call standin.operation_revoke'),
        ('core_witness', standin_private.cores_without_witness() IS NULL, 'warning',
         coalesce('none at ' || standin_private.cores_without_witness(), 'at every core'),
         'an old data directory put back in its place is not noticed: give the core the function of docs/concepts.md and name it with standin.core_alter(core, witness_function => ...)'),
        ('outbox', standin_private.relays_that_stand() IS NULL, 'error', coalesce(standin_private.relays_that_stand(), 'no relay stands still'),
         'see the hint in standin.stat_outbox'),
        ('fsync', current_setting('fsync') = 'on', 'error', current_setting('fsync'), 'with fsync off an accepted transaction can be lost'),
        ('full_page_writes', current_setting('full_page_writes') = 'on', 'error', current_setting('full_page_writes'), 'a torn page can lose an accepted transaction'),
        ('synchronous_standby_names', current_setting('synchronous_standby_names') <> '', 'warning',
         coalesce(nullif(current_setting('synchronous_standby_names'), ''), 'none'), 'without a synchronous standby the loss of this server''s disk loses what it accepted'),
        ('wal_level', current_setting('wal_level') <> 'minimal', 'warning', current_setting('wal_level'), 'no standby and no point-in-time recovery with minimal'),
        ('data_checksums', current_setting('data_checksums') = 'on', 'warning', current_setting('data_checksums'), 'enable with pg_checksums: a silent disk error is a lie about money'),
        ('encoding', current_setting('server_encoding') = 'UTF8', 'error', current_setting('server_encoding'), 'change events are UTF-8'),
        ('librdkafka', string_to_array(regexp_replace(standin_private.librdkafka_version(), '[^0-9.].*', ''), '.')::integer[] >= ARRAY[2, 0, 2], 'warning',
         standin_private.librdkafka_version(), 'older ones than 2.0.2 were never tried with this library'),
        ('clock', standin_private.clock_put_back() IS NULL, 'warning', coalesce(standin_private.clock_put_back(), 'never behind itself'),
         'times of before are later than now: read logs by ticket or sequence, and see why the clock was wrong'),
        ('test_clock', current_setting('pg_standin.allow_test_clock') = 'off', 'warning', current_setting('pg_standin.allow_test_clock'), 'for tests only')
    ) AS c(check_name, good, otherwise, found, advice)
$$;
COMMENT ON FUNCTION standin.preflight() IS 'what is missing or unwise on this server, a row each: ok, warning or error, with advice';
GRANT EXECUTE ON FUNCTION standin.preflight() TO standin_operator, standin_auditor, standin_admin;
CREATE FUNCTION standin_private.value_require(name text, value text, VARIADIC allowed text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(value = ANY (allowed), false) THEN
        RAISE EXCEPTION 'invalid value for option "%": %', name, coalesce('"' || value || '"', 'null') USING ERRCODE = 'invalid_parameter_value',
            HINT = format('It is one of: %s.', array_to_string(allowed, ', '));
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.value_require(text, text, text[]) IS 'raises 22023 if an argument has none of the values that it may have';
CREATE FUNCTION standin_private.option_within(value text, type text, allowed text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lowest text := btrim(split_part(allowed, '..', 1));
    highest text := btrim(split_part(allowed, '..', 2));
    within boolean;
BEGIN
    EXECUTE format('SELECT $1::%1$s >= $2::%1$s AND ($3 = '''' OR $1::%1$s <= nullif($3, '''')::%1$s)', type)
    INTO within USING value, lowest, highest;
    RETURN within AND lower(value) NOT IN ('nan', 'infinity');
END $$;
COMMENT ON FUNCTION standin_private.option_within(text, text, text) IS 'whether a value is in the range "lowest .. highest", or "lowest .."';
CREATE FUNCTION standin_private.option_check(object text, given jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o record;
BEGIN
    FOR o IN SELECT g.key, g.value #>> '{}' AS value, c.*
             FROM jsonb_each(given) g LEFT JOIN standin_private.option c ON c.object = option_check.object AND c.name = g.key LOOP
        IF o.name IS NULL THEN
            RAISE EXCEPTION 'unrecognized option "%"', o.key USING ERRCODE = 'undefined_object',
                HINT = format('It is one of: %s.', (SELECT string_agg(c.name, ', ' ORDER BY c.name) FROM standin_private.option c
                                                    WHERE c.object = option_check.object));
        ELSIF NOT (CASE WHEN o.value IS NULL THEN o.nullable
                       WHEN o.allowed IS NULL THEN true
                       WHEN o.allowed LIKE '~ %' THEN o.value ~ substr(o.allowed, 3)
                       WHEN o.allowed LIKE '%..%' THEN standin_private.option_within(o.value, o.type, o.allowed)
                       ELSE o.value = ANY (string_to_array(o.allowed, ' | ')) END) THEN
            RAISE EXCEPTION 'invalid value for option "%": %', o.name, coalesce('"' || o.value || '"', 'null') USING ERRCODE = 'invalid_parameter_value',
                HINT = CASE WHEN o.allowed IS NULL THEN format('It is a value of type %s.', o.type)
                            WHEN o.allowed = '~ .' THEN 'It is not empty.'
                            WHEN o.allowed LIKE '~ %' THEN format('It matches %s.', substr(o.allowed, 3))
                            WHEN o.allowed LIKE '%.. _%' THEN format('It is %s.', replace(o.allowed, '..', 'to'))
                            WHEN o.allowed LIKE '%..' THEN format('It is at least %s.', btrim(replace(o.allowed, '..', '')))
                            ELSE format('It is one of: %s.', replace(o.allowed, ' | ', ', ')) END;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.option_check(text, jsonb) IS 'raises 22023 for an option out of its range, 42704 for one that does not exist, with a hint of what is allowed';
CREATE FUNCTION standin_private.option_given(arguments jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(a.key, a.value), '{}') FROM jsonb_each(arguments) a WHERE a.value <> 'null'
$$;
COMMENT ON FUNCTION standin_private.option_given(jsonb) IS 'without the arguments that are null: they were not given';
CREATE FUNCTION standin_private.option_defaults(object text, option text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(coalesce(n.name, ''), CASE o.type WHEN 'jsonb' THEN o.default_value::jsonb ELSE to_jsonb(o.default_value) END), '{}')
    FROM unnest(option) n (name) LEFT JOIN standin_private.option o ON o.object = option_defaults.object AND o.name = n.name
$$;
COMMENT ON FUNCTION standin_private.option_defaults(text, text[]) IS 'the defaults of these options; null where there is none, or no such option';
CREATE FUNCTION standin_private.option_write(object text, key jsonb, given jsonb, make boolean, noted jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept standin_private.option_object;
    place text := (SELECT string_agg(format('t.%I = %L', k.key, k.value), ' AND ') FROM jsonb_each_text(key) k);
    label text;
    present boolean;
    columns text;
    written bigint;
BEGIN
    SELECT * INTO kept FROM standin_private.option_object o WHERE o.object = option_write.object;
    label := format('%s "%s"', object, (SELECT string_agg(key ->> k.name, ' ' ORDER BY k.n) FROM unnest(kept.key) WITH ORDINALITY k (name, n)));
    EXECUTE format('SELECT true FROM standin_private.%I t WHERE %s FOR NO KEY UPDATE', kept.relation, place) INTO present;
    IF make AND present THEN
        RAISE EXCEPTION '% already exists', label USING ERRCODE = 'duplicate_object', HINT = format('Change it with standin.%s_alter.', kept.relation);
    ELSIF NOT make AND present IS NULL THEN
        RAISE EXCEPTION '% does not exist', label USING ERRCODE = 'undefined_object', HINT = 'The view standin.options lists what exists.';
    ELSIF present IS NULL THEN
        given := standin_private.option_defaults(object, ARRAY(SELECT o.name FROM standin_private.option o WHERE o.object = option_write.object)) || given;
    END IF;
    given := (SELECT coalesce(jsonb_object_agg(g.key, CASE WHEN g.value = '""' AND o.nullable THEN 'null' ELSE g.value END), '{}')
              FROM jsonb_each(given) g LEFT JOIN standin_private.option o ON o.object = option_write.object AND o.name = g.key);
    PERFORM standin_private.option_check(object, given);
    given := given || key || noted;
    EXECUTE format('SELECT standin_private.%I(n) FROM ', kept.relation || '_validate')
            || CASE WHEN present THEN format('standin_private.%I t, jsonb_populate_record(t, $1) n WHERE %s', kept.relation, place)
                    ELSE format('jsonb_populate_record(NULL::standin_private.%I, $1) n', kept.relation) END USING given;
    SELECT string_agg(quote_ident(k), ', ') INTO columns FROM jsonb_object_keys(given) k;
    EXECUTE format(CASE WHEN present THEN 'UPDATE standin_private.%1$I t SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(t, $1)) WHERE %3$s'
                        ELSE 'INSERT INTO standin_private.%1$I (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::standin_private.%1$I, $1) ON CONFLICT DO NOTHING'
                   END, kept.relation, columns, place) USING given;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written = 0 THEN -- another session was faster
        RAISE EXCEPTION '% already exists', label USING ERRCODE = 'duplicate_object';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.option_write(text, jsonb, jsonb, boolean, jsonb) IS 'makes an object (make), alters it (not make), or whichever is right (null): checks what is given, then the whole row, and writes it. A given null, or an empty text where nothing is allowed, takes an option away; noted are columns that are no options. Errors: 42710 exists, 42704 does not, or an unknown option, 22023 an option out of range';
COMMENT ON FUNCTION standin_private.kafka_validator(text[], oid) IS 'checks the options of CREATE SERVER and CREATE USER MAPPING against an allow-list of librdkafka properties';
COMMENT ON FOREIGN DATA WRAPPER standin_kafka IS 'a Kafka cluster: options are librdkafka properties; secrets go into the user mapping of standin_owner';
GRANT USAGE ON FOREIGN DATA WRAPPER standin_kafka TO standin_admin;
COMMENT ON COLUMN standin_private.kafka_consumer.changed_by IS 'who paused it or let it go on last, or made it';
COMMENT ON TABLE standin_private.kafka_consumer IS 'who reads Kafka, from which foreign server, and whether an operator paused it; kept whole';
COMMENT ON TABLE standin_private.kafka_offset IS 'the next record to apply, moved by compare-and-set in the applying transaction; distributed by consumer, with the worker that owns it';
COMMENT ON COLUMN standin_private.kafka_offset.next_offset IS '0: from the beginning, wherever that is';
COMMENT ON COLUMN standin_private.kafka_offset.end_offset IS 'the end of the partition when last seen';
COMMENT ON COLUMN standin_private.kafka_offset.cluster_id IS 'the cluster that the offsets count in; empty until known';
COMMENT ON COLUMN standin_private.kafka_offset.seek_at IS 'where to go on once Kafka was asked: at the first record of this time or later, infinity: at the end; null: at next_offset';
COMMENT ON COLUMN standin_private.kafka_offset.stop_offset IS 'the first record that is not to be applied any more; null: go on for ever';
COMMENT ON COLUMN standin_private.kafka_offset.record_offset IS 'the last record taken from the partition, read and compared with record_hash before going on after a start: another one there means another topic of the same name';
COMMENT ON COLUMN standin_private.kafka_offset.record_hash IS 'FNV-1a of its timestamp, key and value';
COMMENT ON TABLE standin_private.kafka_dead_letter IS 'records that could not be applied, with all a retry needs, written in the transaction that moved past them; outlives its consumer; distributed by consumer';
COMMENT ON COLUMN standin_private.kafka_dead_letter.redacted IS 'confidential fields are hidden in key, value and headers, or all of these are missing; the record itself is in Kafka, as long as it keeps it';
COMMENT ON COLUMN standin_private.kafka_dead_letter.headers IS 'array of {"key", "value"}, the value in base64';
COMMENT ON COLUMN standin_private.kafka_dead_letter.superseded_by IS 'offset of a later record of the same key that was applied: to apply this one now would bring old values back';
COMMENT ON COLUMN standin_private.kafka_dead_letter.retry_at IS 'when a retry was asked for that has not been made yet';
COMMENT ON COLUMN standin_private.kafka_dead_letter.restored_at IS 'when it was taken back from the discarded ones: while it was there nobody noted later records of its key';
COMMENT ON COLUMN standin_private.kafka_dead_letter_discarded.restored_at IS 'when it was made a dead letter again';
COMMENT ON TABLE standin_private.kafka_dead_letter_discarded IS 'dead letters that an operator gave up, and who, when and why; nothing is ever taken from it; distributed by consumer';
COMMENT ON TABLE standin_private.cdc_source IS 'streams of Debezium change events and how their connector writes them; kept whole';
COMMENT ON COLUMN standin_private.cdc_source.version IS 'counts the changes of the source, its tables and their columns, and its pauses: a worker commits only what it applied by the last one';
COMMENT ON TABLE standin_private.cdc_table IS 'which topic of a source (or topics: a pattern begins with ^) is applied to which table, as whom (null: the table''s owner); kept whole';
COMMENT ON COLUMN standin_private.cdc_table.kind IS 'current: the target is as the source is; history: each event is a row';
COMMENT ON COLUMN standin_private.cdc_table.row_filter IS 'boolean expression; a row that does not match it is not in the target';
COMMENT ON COLUMN standin_private.cdc_table.data_collection IS 'the table''s name in END records of the transaction topic; null: the topic without its first word';
COMMENT ON TABLE standin_private.cdc_column IS 'columns of targets that do not simply take the event''s field of their name; for kind drop the name is that of a field which is stored nowhere; kept whole';
COMMENT ON TABLE standin_private.cdc_progress IS 'what was applied from each partition, counted in the applying transactions; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_progress.records IS 'taken from Kafka, and dead letters that a retry applied: each is counted once more, by what became of it';
COMMENT ON COLUMN standin_private.cdc_progress.record_rate IS 'records a second in the last batches';
COMMENT ON COLUMN standin_private.cdc_progress.incomplete IS 'of the transaction topic: records let through after stall_timeout though their transaction was not whole';
COMMENT ON COLUMN standin_private.cdc_progress.flattened IS 'whether the last row came flattened: then a tombstone is a delete; null: no row came yet';
COMMENT ON TABLE standin_private.cdc_position IS 'how far each partition is in the log of the database that its events come from: what a restarted connector sends again is known by it; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_position.origin IS 'the connector''s name and the database, of Oracle also the redo thread, whose log the position counts in';
COMMENT ON COLUMN standin_private.cdc_position.position IS 'orders as bytes do';
COMMENT ON COLUMN standin_private.cdc_position.source_micros IS 'the latest time at the source up to there: an event from before the position, but of a later time, is none seen before (the source was restored or replaced)';
COMMENT ON COLUMN standin_private.cdc_position.seen IS 'hashes, of 8 bytes each, of the events seen at exactly this position: one record of the log can be many events';
COMMENT ON TABLE standin_private.cdc_truncate IS 'the last truncate applied of each topic with several partitions: rows from before it, which other partitions bring later, are not applied any more; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_truncate.position IS 'in the log of the origin, see cdc_position';
COMMENT ON COLUMN standin_private.cdc_truncate.source_micros IS 'microseconds since 1970, when it was committed: a row not beyond the position but of a later time comes from a restored source, and is applied';
COMMENT ON COLUMN standin_private.cdc_truncate.debezium_micros IS 'microseconds since 1970, when the connector made the event; tells on which side of it a row is that has no position; 0: the event does not say';
COMMENT ON TABLE standin_private.cdc_message IS 'logical messages of sources with on_message = store, stored in the transaction that moved past them; outlives its source; distributed by source';
COMMENT ON COLUMN standin_private.cdc_message.lsn IS 'where in the source''s log the message is, as pg_lsn is written';
COMMENT ON TABLE standin_private.cdc_key_change IS 'between the two halves of a changed key, a delete and an insert that may come in different batches or partitions: the stored values that the insert withholds; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_key_change.position IS 'of both halves, see cdc_position; empty: they find each other by old_key';
COMMENT ON COLUMN standin_private.cdc_key_change.stored IS 'columns of the row under its old key, as text';
COMMENT ON TABLE standin_private.cdc_signal IS 'signals to connectors, committed before they are sent and marked after: sent at least once, known by their id; distributed by source';
COMMENT ON COLUMN standin_private.cdc_signal.key IS 'topic.prefix of the connector, which a signal in a topic is keyed by';
CREATE VIEW standin_private.cdc_option (object, name, type, default_value, allowed, meaning) AS VALUES
    ('source', 'consistency', 'text', 'eventual', 'eventual | transaction', 'eventual: each key in its order, fastest. transaction: readers never see half a transaction of the source, across tables and partitions; needs provide.transaction.metadata'),
    ('source', 'transaction_topic', 'text', NULL, '~ ^[A-Za-z0-9._-]{1,249}$', 'the connector''s <topic.prefix>.transaction, with one partition'),
    ('source', 'on_stall', 'text', 'wait', 'wait | apply', 'a transaction whose announced events do not come: wait and say so, or apply what is there and count it'),
    ('source', 'stall_timeout', 'interval', '00:01:00', '00:00:00.001 ..', 'how long on_stall waits'),
    ('source', 'workers', 'integer', '1', '1 .. 32', 'processes that share the partitions, under eventual'),
    ('source', 'message_format', 'text', 'auto', 'auto | envelope | flattened', 'flattened: ExtractNewRecordState. Avro in Confluent''s wire format is recognised by its first byte'),
    ('source', 'time_precision_mode', 'text', 'adaptive', 'adaptive | adaptive_time_microseconds | connect | isostring | microseconds | nanoseconds', 'as the connector''s time.precision.mode; for events without a schema'),
    ('source', 'decimal_handling_mode', 'text', 'precise', 'precise | string | double', 'as the connector''s'),
    ('source', 'binary_handling_mode', 'text', 'bytes', 'bytes | base64 | base64-url-safe | hex', 'as the connector''s'),
    ('source', 'interval_handling_mode', 'text', 'numeric', 'numeric | string', 'as the connector''s'),
    ('source', 'unavailable_value_placeholder', 'text', '__debezium_unavailable_value', '~ .', 'as the connector''s: a TOASTed value that it did not send. It is never written'),
    ('source', 'rounding', 'text', 'error', 'error | truncate | round', 'digits that a column cannot hold; error: a dead letter'),
    ('source', 'on_message', 'text', 'ignore', 'ignore | store | call', 'logical messages of the source''s log: kept in standin.cdc_messages, or handed to message_function'),
    ('source', 'message_function', 'text', NULL, NULL, 'a function (prefix text, content bytea, lsn text), run as its owner'),
    ('source', 'message_topic', 'text', NULL, '~ ^[A-Za-z0-9._-]{1,249}$', 'where the connector writes logical messages, <topic.prefix>.message'),
    ('source', 'dead_letter_limit', 'integer', '1000', '1 ..', 'more dead letters in dead_letter_window pause the source'),
    ('source', 'dead_letter_window', 'interval', '00:01:00', '00:00:00.001 ..', 'see dead_letter_limit'),
    ('source', 'conflict_timeout', 'interval', '00:00:05', '00:00:00 ..', 'how long a unique or foreign key that is not satisfied yet is tried again before it is a dead letter'),
    ('source', 'signal_topic', 'text', NULL, '~ ^[A-Za-z0-9._-]{1,249}$', 'the connector''s signal channel, for cdc_snapshot'),
    ('source', 'signal_table', 'regclass', NULL, NULL, 'the same, a table'),
    ('source', 'schema_topic', 'text', NULL, '~ ^[A-Za-z0-9._-]{1,249}$', 'the connector''s schema change topic, <topic.prefix>: tables and columns of events without a schema are made by it. Under eventual'),
    ('source', 'on_gap', 'text', 'report', 'report | snapshot', 'events that the connector lost (standin.cdc_gaps): report them, or ask it to read the tables again'),
    ('source', 'batch_records', 'integer', '10000', '1 .. 100000', 'records in one commit'),
    ('source', 'batch_kilobytes', 'integer', '16384', '64 .. 1048576', 'kB in one commit'),
    ('source', 'queue_kilobytes', 'integer', '16384', '64 .. 2097151', 'kB fetched ahead'),
    ('table', 'kind', 'text', 'current', 'current | history', 'current: the target is as the source is; history: each event is a row of its own. Cannot be altered'),
    ('table', 'apply_role', 'name', NULL, NULL, 'writes the rows; none: the table''s owner. Never a superuser or a role of pg_standin, nor a role with a membership in one'),
    ('table', 'on_truncate', 'text', 'dead_letter', 'dead_letter | ignore | apply', 'what a truncate of the source does'),
    ('table', 'schema_evolution', 'text', 'ignore', 'ignore | add | fail', 'a field without a column: passed over and counted; add makes the column, in the transaction that needs it; fail stops the source'),
    ('table', 'foreign_keys', 'text', 'enforce', 'enforce | skip', 'skip: not checked, where rows are put straight into the table'),
    ('table', 'row_filter', 'text', NULL, NULL, 'boolean SQL expression; rows that do not match are not in the target'),
    ('table', 'data_collection', 'text', NULL, NULL, 'the table''s name in the transaction topic, for routed topics; none: the topic without its first word');
COMMENT ON VIEW standin_private.cdc_option IS 'options of sources and their tables';
COMMENT ON FUNCTION standin_private.cdc_topic_of(text, text) IS 'the topic of cdc_table that a topic of Kafka belongs to: itself, or else the first pattern that it matches; null if none';
COMMENT ON FUNCTION standin_private.cdc_worker_of(text, integer, integer) IS 'which of a source''s workers, from 0 on, has the partition';
COMMENT ON FUNCTION standin_private.cdc_worker_key(text, integer) IS 'the name of a worker of a source: the source''s for the first, source/1 for the next';
CREATE OR REPLACE FUNCTION standin_private.cdc_source_check(source text) RETURNS void
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
CREATE OR REPLACE FUNCTION standin_private.cdc_message_function_check(function regprocedure, caller name) RETURNS void
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
CREATE OR REPLACE FUNCTION standin_private.cdc_source_validate(s standin_private.cdc_source) RETURNS void
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
CREATE OR REPLACE FUNCTION standin.cdc_source_drop(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    PERFORM standin_private.foreign_keys_enforce(); -- a copy that was not adopted yet has them not
    DELETE FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_source_drop.source;
END $$;
COMMENT ON FUNCTION standin.cdc_source_drop(text) IS 'stops the source and forgets its offsets; its tables and dead letters stay. Errors: 42704 unknown source';
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
CREATE OR REPLACE FUNCTION standin_private.cdc_target_check(target regclass, apply_role name, caller name) RETURNS void
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
CREATE OR REPLACE FUNCTION standin_private.cdc_table_validate(t standin_private.cdc_table) RETURNS void
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
CREATE OR REPLACE FUNCTION standin.cdc_table_remove(source text, topic text) RETURNS void
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
COMMENT ON TABLE standin_private.cdc_table_planned IS 'tables that the first event of a topic will create; a row becomes one of cdc_table then; kept whole';
COMMENT ON TABLE standin_private.cdc_source_table IS 'the source''s tables as its schema_topic described them last: events without a schema need it where a table or a column is to be made; kept whole';
COMMENT ON COLUMN standin_private.cdc_source_table.collection IS 'database, schema and table, as topics write them';
COMMENT ON COLUMN standin_private.cdc_source_table.short_collection IS 'the same without its first part, which some connectors'' topics leave out';
COMMENT ON COLUMN standin_private.cdc_source_table.definition IS 'the element table of Debezium''s tableChanges';
COMMENT ON COLUMN standin_private.cdc_source_table.altered IS 'columns whose type, or what decides how its values are written, was once another: rows written under it may still be to come';
COMMENT ON FUNCTION standin_private.cdc_source_table_describe(text, text, text, text, jsonb) IS 'takes note of a table of the source, and of columns whose values it writes otherwise than before';
CREATE OR REPLACE FUNCTION standin.cdc_table_create(
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
COMMENT ON FUNCTION standin_private.cdc_table_made(text, text, regclass) IS 'a planned table exists now; in the transaction that creates it. Errors: 40001 it was removed meanwhile';
COMMENT ON VIEW standin.cdc_tables_planned IS 'tables of cdc_table_create that wait for the first event of their topic';
COMMENT ON FUNCTION standin_private.cdc_mapping_check(regclass, name, text, text, text, text[], boolean) IS 'raises what is wrong with the mapping of a column, or with a row filter (no column); what users bring is parsed as the role given';
COMMENT ON FUNCTION standin_private.cdc_table_of(text, text) IS 'the table of a topic. Errors: 42704 unknown source or topic, 42P01 its target is gone';
COMMENT ON FUNCTION standin_private.cdc_apply_role(standin_private.cdc_table) IS 'as whom rows are written and expressions run';
COMMENT ON FUNCTION standin_private.cdc_computed_columns(standin_private.cdc_table, text) IS 'columns that expressions compute, which other expressions therefore cannot use';
COMMENT ON FUNCTION standin_private.cdc_filter_check(standin_private.cdc_table) IS 'raises what is wrong with the row filter: syntax, names, 42804 not boolean';
COMMENT ON FUNCTION standin_private.cdc_dead_letters_check(standin_private.cdc_table, text) IS 'raises 55000 while the topic has dead letters in the clear; discarded ones lose their contents';
COMMENT ON FUNCTION standin_private.cdc_confidential_fields(standin_private.cdc_table) IS 'fields that are masked, hashed or dropped, in lower case';
COMMENT ON FUNCTION standin_private.cdc_clear_columns_check(standin_private.cdc_table) IS 'raises 42P17 if a column stores a field in the clear that is confidential';
COMMENT ON FUNCTION standin_private.cdc_column_kind(text, text, text, boolean, text, text) IS 'which way of mapping a column the arguments ask for. Errors: 22023 none or two';
COMMENT ON FUNCTION standin.cdc_column_map IS 'says what a column of the target stores instead of the event''s field of its name, in exactly one way; replaces what was said before, and holds for all that is applied from the commit of this on. field: another field. expression: SQL over the target''s columns by their names and event (jsonb, the row as it came, confidential fields hidden), evaluated as the role that applies; it sees masked and hashed columns as they are stored. mask: all, null, text:..., or the characters to keep at both ends (last4, first6last4). hash: HMAC-SHA-256 with the secret "cdc.hash.key" of the server''s user mapping, as hexadecimal text or bytea. constant: a literal of the column''s type. metadata: topic, partition, offset, timestamp (Kafka''s), op (r, c, u, d), source_ts, debezium_ts, origin, position (in the source''s log, hexadecimal). A key column cannot be masked; its expression must be immutable and use fields of the source''s key only. Errors: 42704 unknown source or topic, 42703 unknown column or name in the expression, 428C9 generated column, 22023 none or two ways, unknown mask or metadata, 42804 wrong type, 42P17 not deterministic, or a confidential field in the clear elsewhere, 42501 not the owner, 55000 dead letters hold the field in the clear, 0A000 the transaction does not see them (at the commit)';
COMMENT ON FUNCTION standin_private.cdc_expressions_check(standin_private.cdc_table) IS 'raises what is wrong with the expressions of a table: one may use a column that another now computes';
COMMENT ON FUNCTION standin.cdc_field_drop(text, text, text) IS 'the event''s field is stored nowhere: in no column, no dead letter, and no expression sees it. Errors: 42704 unknown source or topic, 42602 no name, 42P17 a column takes it, 55006 a column masks or hashes it, 42501 not the owner, 55000 dead letters hold it in the clear, 0A000 the transaction does not see them (at the commit)';
COMMENT ON FUNCTION standin.cdc_column_unmap(text, text, name) IS 'takes back cdc_column_map or cdc_field_drop: from the commit on the column takes the field of its name, and the field is no longer confidential. Errors: 42704 unknown source, topic or nothing mapped, 42P17 the column would take a confidential field in the clear, 42501 not the owner';
CREATE FUNCTION standin_private.cdc_table_write(source text, topic text, given jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_table_of(source, topic);
    PERFORM standin_private.option_write('table', jsonb_build_object('source', source, 'topic', topic), given, false);
END $$;
COMMENT ON FUNCTION standin_private.cdc_table_write(text, text, jsonb) IS 'changes options of a table';
CREATE OR REPLACE FUNCTION standin.cdc_table_alter(
    source text, topic text, apply_role name DEFAULT NULL, on_truncate text DEFAULT NULL, schema_evolution text DEFAULT NULL,
    foreign_keys text DEFAULT NULL, row_filter text DEFAULT NULL, data_collection text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_table_write(source, topic, standin_private.option_given(jsonb_build_object(
        'apply_role', apply_role, 'on_truncate', on_truncate, 'schema_evolution', schema_evolution, 'foreign_keys', foreign_keys,
        'row_filter', row_filter, 'data_collection', data_collection)));
END $$;
COMMENT ON FUNCTION standin.cdc_table_alter IS 'changes options of cdc_table_add, for all that is applied from the commit on; null leaves one as it is, an empty text takes apply_role, row_filter or data_collection away. A row filter that is changed does not look at rows that were filtered before. Errors: as cdc_table_add, and 42704 unknown topic';
CREATE FUNCTION standin.cdc_table_reset(source text, topic text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF 'kind' = ANY (option) THEN
        RAISE EXCEPTION 'option "kind" cannot be changed' USING ERRCODE = 'feature_not_supported',
            HINT = 'Take the topic away with standin.cdc_table_remove and add it again; it starts at its beginning.';
    END IF;
    PERFORM standin_private.cdc_table_write(source, topic, standin_private.option_defaults('table', option));
END $$;
COMMENT ON FUNCTION standin.cdc_table_reset(text, text, text[]) IS 'brings options of cdc_table_add back to their defaults, those that have none to nothing. Errors: as cdc_table_alter, 42704 unknown option, 0A000 kind';
COMMENT ON VIEW standin.cdc_columns IS 'columns of targets that do not simply take the event''s field of their name, and fields that are stored nowhere; confidential: the field''s value appears in the clear in no table, dead letter, error, view or log';
COMMENT ON FUNCTION standin_private.cdc_version_lock(text) IS 'until the end of the transaction no worker of the source commits anything';
COMMENT ON FUNCTION standin_private.cdc_is_worker() IS 'whether a worker of a source asks: what it changes of it (a planned table is made, too many dead letters pause it) invalidates nothing';
COMMENT ON FUNCTION standin_private.cdc_version_raise() IS 'deferred trigger: from the commit on the source is applied as it is now';
COMMENT ON FUNCTION standin_private.cdc_confidential_check() IS 'deferred trigger: raises 55000 if the topic of a field that becomes confidential has dead letters in the clear';
CREATE FUNCTION standin_private.cdc_pause_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.log_at_commit(CASE WHEN NEW.paused
        THEN format('pg_standin source "%s" paused by %s: %s', NEW.consumer, NEW.changed_by, coalesce(NEW.pause_reason, 'no reason given'))
        ELSE format('pg_standin source "%s" resumed by %s', NEW.consumer, NEW.changed_by) END);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.cdc_pause_log() IS 'a pause and its end are lines of the server''s log';
CREATE TRIGGER pause_log AFTER UPDATE OF paused ON standin_private.kafka_consumer
    FOR EACH ROW WHEN (OLD.paused <> NEW.paused) EXECUTE FUNCTION standin_private.cdc_pause_log();
CREATE OR REPLACE FUNCTION standin.cdc_pause(source text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_consumer c
    SET paused = true, pause_reason = reason, changed_at = standin_private.clock_now(), changed_by = session_user
    WHERE c.consumer = cdc_pause.source;
END $$;
COMMENT ON FUNCTION standin.cdc_pause(text, text) IS 'stops applying, at the commit, until cdc_resume; nothing is lost while Kafka keeps the records; dead letters can be retried meanwhile. Errors: 42704 unknown source';
CREATE OR REPLACE FUNCTION standin.cdc_resume(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_consumer c
    SET paused = false, pause_reason = NULL, changed_at = standin_private.clock_now(), changed_by = session_user
    WHERE c.consumer = cdc_resume.source;
END $$;
COMMENT ON FUNCTION standin.cdc_resume(text) IS 'goes on applying after cdc_pause, or after too many dead letters (which are counted anew from here). Errors: 42704 unknown source';
COMMENT ON FUNCTION standin_private.cdc_topic_check(text, text) IS 'raises 42704 if there is no such source or it has no such topic';
COMMENT ON FUNCTION standin_private.cdc_position_set(text, text, integer, bigint, timestamptz) IS 'puts one partition elsewhere, at an offset or (once Kafka was asked) at a time, and forgets what was known of its past';
COMMENT ON FUNCTION standin.cdc_seek(text, text, integer, bigint) IS 'applies the partition from this offset on; earlier records again, or records in between never, so know why. Also accepts the offsets'' new cluster after a move. Errors: 42704 unknown source or topic, 22023 negative';
COMMENT ON FUNCTION standin_private.cdc_seek_all(text, text, integer, bigint, timestamptz) IS 'puts one partition of a topic, or all that are known, elsewhere';
COMMENT ON FUNCTION standin.cdc_seek(text, text, text, integer) IS 'applies the topic (or one partition) from its beginning or its end on; the end is asked of Kafka by the worker: until then stat_cdc shows seek_at. Errors: 42704 unknown source or topic, 22023 another word, 55000 partitions not known yet';
COMMENT ON FUNCTION standin.cdc_seek(text, text, timestamptz, integer) IS 'applies the topic (or one partition) from the first record on that has this time in Kafka or a later one; the worker asks Kafka for it: until then stat_cdc shows seek_at. Errors: 42704 unknown source or topic, 22023 no finite time, 55000 partitions not known yet';
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
CREATE OR REPLACE FUNCTION standin.cdc_replay(source text, topic text, partition integer, from_offset bigint, to_offset bigint, target regclass,
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
CREATE OR REPLACE FUNCTION standin_private.cdc_signal_check(source text, signal_table regclass, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_name name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = signal_table);
BEGIN
    IF owner_name IS NULL THEN
        RAISE EXCEPTION 'signal_table of source "%" does not exist any more', source USING ERRCODE = 'undefined_table';
    ELSIF NOT pg_has_role(caller, owner_name, 'USAGE') AND NOT has_table_privilege(caller, signal_table, 'INSERT') THEN
        RAISE EXCEPTION 'permission denied for table %', signal_table USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT INSERT ON %s TO %I;', signal_table, caller);
    END IF;
    PERFORM standin_private.user_role_require(owner_name, 'signals are never written as');
END $$;
COMMENT ON FUNCTION standin_private.cdc_signal_check(text, regclass, name) IS 'raises 42501 unless the caller may insert into the table, as whose owner the worker will';
CREATE FUNCTION standin_private.cdc_snapshot_ask(s standin_private.cdc_source, topic text, additional_condition text, snapshot_type text,
    topic_prefix text, asked_by name)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_topic text;
    collection text;
    refusal text := standin_private.instance_refusal();
    made standin_private.cdc_signal;
BEGIN
    IF s.signal_topic IS NULL AND s.signal_table IS NULL THEN
        RAISE EXCEPTION 'source "%" has no way to signal its connector', s.source USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Give it the connector''s signal table or signal topic: standin.cdc_source_alter(..., signal_table => ...) or (..., signal_topic => ...).';
    ELSIF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'this server is not the instance that may speak to the outside' USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = refusal, HINT = 'If the original is gone for good, call standin.instance_adopt(reason).';
    END IF;
    -- A topic is <topic.prefix>.<data collection>; either names the table.
    SELECT t.topic, t.data_collection INTO found_topic, collection FROM (
        SELECT c.topic, coalesce(c.data_collection, substr(c.topic, strpos(c.topic, '.') + 1)) AS data_collection, 1 AS rank
        FROM standin_private.cdc_table c WHERE c.source = s.source AND c.topic NOT LIKE '^%'
        UNION ALL
        SELECT o.topic, substr(o.topic, strpos(o.topic, '.') + 1), 2
        FROM standin_private.kafka_offset o WHERE o.consumer = s.source AND o.topic IS DISTINCT FROM s.transaction_topic) t
    WHERE cdc_snapshot_ask.topic IN (t.topic, t.data_collection) ORDER BY t.topic <> cdc_snapshot_ask.topic, t.rank LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic or data collection "%"', s.source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    END IF;
    IF s.signal_table IS NOT NULL THEN
        PERFORM standin_private.cdc_signal_check(s.source, standin_private.table_named(s.signal_table), asked_by);
    END IF;
    made.key := coalesce(topic_prefix, CASE WHEN right(found_topic, length(collection) + 1) = '.' || collection
        THEN left(found_topic, -length(collection) - 1) ELSE split_part(found_topic, '.', 1) END);
    made.signal_id := gen_random_uuid()::text;
    made.data := jsonb_build_object('data-collections', jsonb_build_array(collection), 'type', snapshot_type);
    IF additional_condition IS NOT NULL THEN
        made.data := made.data || jsonb_build_object('additional-conditions', jsonb_build_array(
            jsonb_build_object('data-collection', collection, 'filter', additional_condition)));
    END IF;
    INSERT INTO standin_private.cdc_signal (signal_id, source, type, data, signal_table, signal_topic, key, created_by)
    VALUES (made.signal_id, s.source, 'execute-snapshot', made.data, s.signal_table,
            CASE WHEN s.signal_table IS NULL THEN s.signal_topic END, made.key, asked_by);
    RETURN made.signal_id;
END $$;
COMMENT ON FUNCTION standin_private.cdc_snapshot_ask(standin_private.cdc_source, text, text, text, text, name) IS 'writes down the signal for a snapshot of one table, as standin.cdc_snapshot says';
CREATE OR REPLACE FUNCTION standin.cdc_snapshot(source text, topic text, additional_condition text DEFAULT NULL,
    snapshot_type text DEFAULT 'incremental', topic_prefix text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
BEGIN
    PERFORM standin_private.cdc_source_check(source),
            standin_private.value_require('snapshot_type', snapshot_type, 'incremental', 'blocking');
    SELECT * INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_snapshot.source;
    RETURN standin_private.cdc_snapshot_ask(s, topic, additional_condition, snapshot_type, topic_prefix, standin_private.caller());
END $$;
COMMENT ON FUNCTION standin.cdc_snapshot(text, text, text, text, text) IS 'asks the connector to read one table again (Debezium''s signal execute-snapshot), named by its topic or data collection, all of it or the rows that match the condition, which is SQL of the source. Sent after commit by the source''s worker, into the source''s signal_table as that table''s owner, else to its signal_topic; standin.cdc_signals shows when. topic_prefix is the connector''s topic.prefix, where that is not what precedes the data collection in the topic. Returns the signal''s id. Errors: 42704 unknown source or table, 55000 no way to signal or not the instance that may, 42501 no INSERT on the signal table, 22023 unknown type';
CREATE OR REPLACE VIEW standin.cdc_signals AS
SELECT s.signal_id, s.source, s.type, s.data, standin_private.table_named(s.signal_table) AS signal_table, s.signal_topic, s.key,
       CASE WHEN s.sent_at IS NOT NULL THEN 'sent' WHEN s.error IS NOT NULL THEN 'failing' ELSE 'pending' END AS state,
       s.attempts, s.error, s.created_at, s.created_by, s.sent_at, s.signal_table AS signal_table_name
FROM standin_private.cdc_signal s;
COMMENT ON VIEW standin.cdc_signals IS 'signals to connectors, and whether they were sent; what a connector made of one, only its own log and notifications say';
COMMENT ON COLUMN standin.cdc_signals.state IS 'pending, failing (tried again, error says why) or sent';
COMMENT ON COLUMN standin.cdc_signals.key IS 'topic.prefix of the connector';
CREATE TABLE standin_private.cdc_gap (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    transaction_id text NOT NULL,
    topic_offset bigint NOT NULL,
    begin_position bigint,
    first_position bigint,
    missing_orders bigint[] NOT NULL,
    missing_of_collections jsonb NOT NULL,
    collections text[] NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'snapshot_requested', 'mended', 'dismissed')),
    noticed_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    requested_at timestamptz,
    signals text[],
    closed_at timestamptz,
    closed_by name,
    reason text,
    PRIMARY KEY (source, transaction_id, topic_offset),
    CHECK (state <> 'snapshot_requested' OR requested_at IS NOT NULL),
    CHECK ((state IN ('mended', 'dismissed')) = (closed_at IS NOT NULL)),
    CHECK (state <> 'dismissed' OR reason IS NOT NULL)
);
COMMENT ON TABLE standin_private.cdc_gap IS 'transactions of which a connector lost events; noticed once each, known by where they begin in the transaction topic; distributed by source';
COMMENT ON COLUMN standin_private.cdc_gap.topic_offset IS 'of its BEGIN in the transaction topic';
COMMENT ON COLUMN standin_private.cdc_gap.begin_position IS 'where in the source''s log BEGIN is; null: this connector''s do not say';
COMMENT ON COLUMN standin_private.cdc_gap.first_position IS 'where the first event is that came; null: not compared, or the same';
CREATE TABLE standin_private.cdc_gap_watch (
    source text PRIMARY KEY REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL,
    next_offset bigint NOT NULL
);
COMMENT ON TABLE standin_private.cdc_gap_watch IS 'how far the transaction topic was searched for gaps; moved in the transaction that notes them; distributed by source';
CREATE FUNCTION standin_private.cdc_gap_note(source text, transaction_id text, topic_offset bigint, begin_position bigint,
    first_position bigint, missing_orders bigint[], missing_of_collections jsonb, collections text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO standin_private.cdc_gap (source, transaction_id, topic_offset, begin_position, first_position, missing_orders,
        missing_of_collections, collections)
    VALUES (source, transaction_id, topic_offset, begin_position, first_position, missing_orders, missing_of_collections, collections)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM standin_private.log_at_commit(format(
            'pg_standin source "%s": the connector lost events of transaction %s: %s; standin.cdc_gaps has it', source, transaction_id,
            CASE WHEN first_position IS NOT NULL THEN format('it begins at %s, its first event is at %s',
                                                             pg_lsn '0/0' + begin_position, pg_lsn '0/0' + first_position)
                 WHEN collections = '{}' THEN 'it has none'
                 ELSE format('missing are %s', missing_of_collections) END));
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_gap_note(text, text, bigint, bigint, bigint, bigint[], jsonb, text[]) IS 'notes a gap, once, with a line of the server''s log';
CREATE FUNCTION standin_private.cdc_gaps_request(source text, asked_by name) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
    asked text[];
BEGIN
    SELECT c.* INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_gaps_request.source;
    -- A history would get a row for each row that is read again.
    SELECT array_agg(standin_private.cdc_snapshot_ask(s, t.topic, NULL, 'incremental', NULL, asked_by) ORDER BY t.topic) INTO asked
    FROM (SELECT DISTINCT coalesce(o.topic, d.topic) AS topic
          FROM standin_private.cdc_table d
          LEFT JOIN standin_private.kafka_offset o ON o.consumer = d.source AND standin_private.cdc_topic_of(o.consumer, o.topic) = d.topic
          WHERE d.source = cdc_gaps_request.source AND d.kind = 'current' AND (o.topic IS NOT NULL OR d.topic NOT LIKE '^%')) t;
    UPDATE standin_private.cdc_gap g SET state = 'snapshot_requested', signals = asked, requested_at = standin_private.clock_now()
    WHERE g.source = cdc_gaps_request.source AND g.state IN ('open', 'snapshot_requested') AND asked IS NOT NULL;
    RETURN asked;
END $$;
COMMENT ON FUNCTION standin_private.cdc_gaps_request(text, name) IS 'asks for incremental snapshots of the source''s tables, whose rows mend what is missing; the signals'' ids, null if it has no table that a snapshot mends';
CREATE FUNCTION standin_private.cdc_gaps_answer(source text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
BEGIN
    SELECT c.* INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_gaps_answer.source AND c.on_gap = 'snapshot'
        AND EXISTS (SELECT FROM standin_private.cdc_gap g WHERE g.source = c.source AND g.state = 'open');
    IF FOUND THEN
        PERFORM standin_private.cdc_gaps_request(source, s.created_by);
    END IF;
EXCEPTION WHEN OTHERS THEN -- the gap is noted all the same
    PERFORM standin_private.log_at_commit(format('pg_standin source "%s": no snapshot was asked for that would mend its gaps: %s', source, SQLERRM));
END $$;
COMMENT ON FUNCTION standin_private.cdc_gaps_answer(text) IS 'does what on_gap says about the source''s open gaps; a failure is a line of the server''s log, and they stay open';
CREATE FUNCTION standin_private.cdc_gaps_mend(source text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE standin_private.cdc_gap g
    SET state = 'mended', closed_at = standin_private.clock_now(), closed_by = standin_private.caller()
    WHERE g.source = cdc_gaps_mend.source AND g.state IN ('open', 'snapshot_requested')
      AND NOT EXISTS (
          SELECT FROM standin_private.cdc_table t WHERE t.source = g.source AND NOT EXISTS (
              SELECT FROM standin_private.cdc_verification v
              WHERE v.source = t.source AND v.topic = t.topic AND v.state = 'finished' AND v.differences = 0 AND v.unsettled = 0
                AND v.started_at > coalesce(g.requested_at, g.noticed_at)))
$$;
COMMENT ON FUNCTION standin_private.cdc_gaps_mend(text) IS 'closes gaps since which each table of the source was found equal; a history cannot be compared, so with one among them somebody has to dismiss the gap';
CREATE FUNCTION standin.cdc_gaps_snapshot(source text) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked text[];
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    asked := standin_private.cdc_gaps_request(source, standin_private.caller());
    IF asked IS NULL THEN
        RAISE EXCEPTION 'source "%" has no table that a snapshot would mend', source USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'A history would get a row for each row that is read again.';
    END IF;
    RETURN asked;
END $$;
COMMENT ON FUNCTION standin.cdc_gaps_snapshot(text) IS 'asks the connector to read all tables of the source again (but for histories), as on_gap => ''snapshot'' does by itself, to mend the gaps of standin.cdc_gaps; returns the ids of the signals, see standin.cdc_signals. They are mended once standin.cdc_verify finds each table equal. Errors: 42704 unknown source, 55000 no way to signal, no such table, or not the instance that may, 42501 no INSERT on the signal table';
CREATE FUNCTION standin.cdc_gap_dismiss(source text, transaction_id text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'a reason must be given' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    UPDATE standin_private.cdc_gap g
    SET state = 'dismissed', closed_at = standin_private.clock_now(), closed_by = standin_private.caller(), reason = cdc_gap_dismiss.reason
    WHERE g.source = cdc_gap_dismiss.source AND g.transaction_id = cdc_gap_dismiss.transaction_id AND g.state IN ('open', 'snapshot_requested');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no open gap of transaction "%"', source, transaction_id USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_gaps lists them.';
    END IF;
    PERFORM standin_private.log_at_commit(format('pg_standin source "%s": the gap of transaction %s was dismissed by %s: %s', source,
                                                 transaction_id, standin_private.caller(), reason));
END $$;
COMMENT ON FUNCTION standin.cdc_gap_dismiss(text, text, text) IS 'closes a gap that needs no mending, or that was mended by hand; nothing is changed in the tables. Errors: 42704 unknown source or no open gap of that transaction, 22004 no reason';
CREATE VIEW standin.cdc_gaps AS
SELECT g.source, g.transaction_id, g.begin_position, g.first_position, g.missing_orders, g.missing_of_collections, g.collections, g.state,
       g.noticed_at, g.requested_at, g.signals, g.closed_at, g.closed_by, g.reason, g.topic_offset
FROM standin_private.cdc_gap g;
COMMENT ON VIEW standin.cdc_gaps IS 'transactions of which a connector lost events when it restarted, so that tables may differ from the source though nothing is late and nothing failed';
COMMENT ON COLUMN standin.cdc_gaps.begin_position IS 'where in the source''s log the transaction begins (of PostgreSQL an LSN as a number); null: its connector does not say';
COMMENT ON COLUMN standin.cdc_gaps.first_position IS 'where its first event is that came: what stands between was lost; null: there is none, it is the same, or they were not compared';
COMMENT ON COLUMN standin.cdc_gaps.missing_orders IS 'values of total_order that no event of the transaction has; the first hundred';
COMMENT ON COLUMN standin.cdc_gaps.missing_of_collections IS 'values of data_collection_order that no event has, by data collection';
COMMENT ON COLUMN standin.cdc_gaps.collections IS 'data collections of which something came, empty if nothing did; the lost events may be of any table of the source';
COMMENT ON COLUMN standin.cdc_gaps.state IS 'open, snapshot_requested (signals has the ids of standin.cdc_signals), mended (every table of the source was compared since, and found equal) or dismissed';
COMMENT ON COLUMN standin.cdc_gaps.topic_offset IS 'of its BEGIN in the transaction topic';
CREATE OR REPLACE FUNCTION standin_private.cdc_dead_letter_stale(letter standin_private.kafka_dead_letter) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = letter.consumer AND t.kind = 'history'
                     AND t.topic = standin_private.cdc_topic_of(letter.consumer, letter.topic)) THEN NULL
        WHEN letter.superseded_by IS NOT NULL THEN format('a later change of the same row was applied (offset %s)', letter.superseded_by)
        WHEN letter.key IS NULL THEN 'it has no key, so whether its row was changed later is not known'
        WHEN letter.restored_at IS NOT NULL THEN 'it was discarded for a while, so whether its row was changed later is not known'
    END
$$;
COMMENT ON FUNCTION standin_private.cdc_dead_letter_stale(standin_private.kafka_dead_letter) IS 'why a retry might bring old values back, or null; rows of a history target are only ever added';
COMMENT ON FUNCTION standin.cdc_dead_letter_retry(text, text, integer, bigint, boolean) IS 'lets the worker apply a dead letter as it is, also while the source is paused: then it is gone from cdc_dead_letters, or is there with one attempt more and the new error. Refused (unless forced) if a later change of the row was applied, or if that cannot be known because the record has no key. Errors: 42704 unknown source or dead letter, 55000 refused';
COMMENT ON FUNCTION standin.cdc_dead_letter_retry(text, text, text, boolean) IS 'the same for all dead letters of a source, or those of a topic or with an SQLSTATE, in the order of topic, partition and offset; leaves out those that would be refused, and returns how many are being retried. Errors: 42704 unknown source';
CREATE OR REPLACE FUNCTION standin_private.cdc_dead_letter_bury(source text, topic text, partition integer, record_offset bigint, sqlstate text, reason text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    discarded bigint;
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a reason must be given' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'It is kept with the record, with who discarded it and when.';
    END IF;
    WITH gone AS (
        DELETE FROM standin_private.kafka_dead_letter d
        WHERE d.consumer = cdc_dead_letter_bury.source
          AND (cdc_dead_letter_bury.topic IS NULL OR d.topic = cdc_dead_letter_bury.topic)
          AND (cdc_dead_letter_bury.partition IS NULL OR d.partition = cdc_dead_letter_bury.partition)
          AND (cdc_dead_letter_bury.record_offset IS NULL OR d.record_offset = cdc_dead_letter_bury.record_offset)
          AND (cdc_dead_letter_bury.sqlstate IS NULL OR d.sqlstate = cdc_dead_letter_bury.sqlstate)
        RETURNING d.*)
    INSERT INTO standin_private.kafka_dead_letter_discarded
        (consumer, topic, partition, record_offset, key, value, headers, record_at, sqlstate, error, column_name, attempts, created_at,
         last_attempt_at, superseded_by, redacted, retry_force, hint, discarded_by, reason)
    SELECT g.consumer, g.topic, g.partition, g.record_offset, g.key, g.value, g.headers, g.record_at, g.sqlstate, g.error, g.column_name,
           g.attempts, g.created_at, g.last_attempt_at, g.superseded_by, g.redacted, false, g.hint, standin_private.caller(), cdc_dead_letter_bury.reason
    FROM gone g;
    GET DIAGNOSTICS discarded = ROW_COUNT;
    RETURN discarded;
END $$;
COMMENT ON FUNCTION standin_private.cdc_dead_letter_bury(text, text, integer, bigint, text, text) IS 'moves dead letters to the discarded ones';
COMMENT ON FUNCTION standin.cdc_dead_letter_discard(text, text, integer, bigint, text) IS 'gives a dead letter up: it goes to cdc_dead_letters_discarded, with who, when and why. Errors: 42704 unknown dead letter, 22004 no reason';
CREATE FUNCTION standin.cdc_dead_letter_discard(source text, topic text DEFAULT NULL, sqlstate text DEFAULT NULL, reason text DEFAULT NULL,
    everything boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF topic IS NULL AND sqlstate IS NULL AND everything IS NOT TRUE THEN
        RAISE EXCEPTION 'all dead letters of source "%" would be discarded', source USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Name a topic or an SQLSTATE, or say everything => true.';
    END IF;
    RETURN standin_private.cdc_dead_letter_bury(source, topic, NULL, NULL, sqlstate, reason);
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_discard(text, text, text, text, boolean) IS 'the same for the dead letters of a topic of the source, or those with an SQLSTATE; for all of the source only if everything is true; returns how many. Also for a source that was dropped. standin.cdc_dead_letter_restore takes it back. Errors: 22004 no reason, 22023 neither a topic nor an SQLSTATE nor everything';
CREATE FUNCTION standin_private.cdc_dead_letter_unbury(source text, topic text, partition integer, record_offset bigint, sqlstate text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    restored bigint;
BEGIN
    PERFORM standin_private.caller();
    WITH back AS (
        UPDATE standin_private.kafka_dead_letter_discarded d
        SET restored_at = standin_private.clock_now(), restored_by = standin_private.caller()
        WHERE d.consumer = cdc_dead_letter_unbury.source AND d.restored_at IS NULL
          AND (cdc_dead_letter_unbury.topic IS NULL OR d.topic = cdc_dead_letter_unbury.topic)
          AND (cdc_dead_letter_unbury.partition IS NULL OR d.partition = cdc_dead_letter_unbury.partition)
          AND (cdc_dead_letter_unbury.record_offset IS NULL OR d.record_offset = cdc_dead_letter_unbury.record_offset)
          AND (cdc_dead_letter_unbury.sqlstate IS NULL OR d.sqlstate = cdc_dead_letter_unbury.sqlstate)
          AND NOT EXISTS (SELECT FROM standin_private.kafka_dead_letter l WHERE l.consumer = d.consumer AND l.topic = d.topic
                          AND l.partition = d.partition AND l.record_offset = d.record_offset)
        RETURNING d.*)
    INSERT INTO standin_private.kafka_dead_letter (consumer, topic, partition, record_offset, key, value, headers, record_at, sqlstate, error,
        column_name, hint, redacted, attempts, created_at, last_attempt_at, superseded_by, restored_at, restored_by)
    SELECT DISTINCT ON (b.consumer, b.topic, b.partition, b.record_offset) b.consumer, b.topic, b.partition, b.record_offset, b.key, b.value,
           b.headers, b.record_at, b.sqlstate, b.error, b.column_name, b.hint, b.redacted, b.attempts, b.created_at, b.last_attempt_at,
           b.superseded_by, b.restored_at, b.restored_by
    FROM back b ORDER BY b.consumer, b.topic, b.partition, b.record_offset, b.discard_number DESC;
    GET DIAGNOSTICS restored = ROW_COUNT;
    RETURN restored;
END $$;
COMMENT ON FUNCTION standin_private.cdc_dead_letter_unbury(text, text, integer, bigint, text) IS 'makes discarded dead letters open ones again; that they were discarded stays noted';
CREATE FUNCTION standin.cdc_dead_letter_restore(source text, topic text, partition integer, record_offset bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF source IS NULL OR topic IS NULL OR partition IS NULL OR record_offset IS NULL
       OR standin_private.cdc_dead_letter_unbury(source, topic, partition, record_offset, NULL) = 0 THEN
        RAISE EXCEPTION 'source "%" has no discarded dead letter at offset % of partition % of topic "%"', source, record_offset, partition, topic
            USING ERRCODE = 'undefined_object', HINT = 'standin.cdc_dead_letters_discarded lists them, without restored_at.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_restore(text, text, integer, bigint) IS 'takes cdc_dead_letter_discard back: the record is in standin.cdc_dead_letters again. A retry must be forced unless the target is a history, since nobody noted what came for its row meanwhile. Errors: 42704 not discarded, or taken back already';
CREATE FUNCTION standin.cdc_dead_letter_restore(source text, topic text DEFAULT NULL, sqlstate text DEFAULT NULL)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT standin_private.cdc_dead_letter_unbury(source, topic, NULL, NULL, sqlstate)
$$;
COMMENT ON FUNCTION standin.cdc_dead_letter_restore(text, text, text) IS 'the same for all discarded dead letters of a source, or those of a topic or with an SQLSTATE; returns how many';
COMMENT ON VIEW standin_private.cdc_workers IS 'the workers of each source, at least one';
CREATE OR REPLACE VIEW standin.cdc_sources AS
SELECT s.source, c.server, c.paused, c.pause_reason, w.state, w.detail, w.pid, w.error_sqlstate, w.last_error, w.error_at,
       (SELECT sum(standin_private.process_memory(m.pid))::bigint FROM standin_private.stat_worker() m
        WHERE m.kind = 'cdc' AND split_part(m.key, '/', 1) = s.source) AS memory_bytes,
       s.consistency, s.workers, s.transaction_topic, s.on_stall, s.stall_timeout, s.message_format, s.time_precision_mode,
       s.decimal_handling_mode, s.binary_handling_mode, s.interval_handling_mode, s.unavailable_value_placeholder, s.rounding,
       s.on_message, standin_private.cdc_message_function(s.message_function)::regprocedure AS message_function, s.dead_letter_limit, s.dead_letter_window, s.conflict_timeout, s.signal_topic,
       standin_private.table_named(s.signal_table) AS signal_table, s.message_topic, s.schema_topic, s.batch_records, s.batch_kilobytes, s.queue_kilobytes, s.created_at, s.created_by,
       (SELECT coalesce(sum(p.incomplete), 0)::bigint FROM standin_private.cdc_progress p WHERE p.source = s.source) AS incomplete,
       CASE WHEN c.paused THEN c.changed_by END AS paused_by, CASE WHEN c.paused THEN c.changed_at END AS paused_at,
       s.message_function AS message_function_name, s.signal_table AS signal_table_name, s.on_gap,
       w.recovered_at, w.blocked_by
FROM standin_private.cdc_source s
JOIN standin_private.kafka_consumer c ON c.consumer = s.source
LEFT JOIN LATERAL (SELECT * FROM standin_private.worker_status w WHERE w.kind = 'cdc' AND split_part(w.key, '/', 1) = s.source
                   ORDER BY w.state = 'running', w.key LIMIT 1) w ON true;
COMMENT ON VIEW standin.cdc_sources IS 'sources of change events and what their workers are doing: of several, one that is not running';
COMMENT ON COLUMN standin.cdc_sources.incomplete IS 'records let through after stall_timeout though their transaction was not whole (on_stall apply)';
COMMENT ON COLUMN standin.cdc_sources.message_function IS 'null if it was dropped or renamed, see message_function_name';
COMMENT ON COLUMN standin.cdc_sources.signal_table IS 'null if it was dropped or renamed, see signal_table_name';
COMMENT ON COLUMN standin.cdc_sources.paused_by IS 'who logged in and paused it (session_user); standin_owner: a worker, for too many dead letters';
COMMENT ON COLUMN standin.cdc_sources.pause_reason IS 'an operator''s, or that there were too many dead letters';
COMMENT ON COLUMN standin.cdc_sources.state IS 'idle (no tables), paused, connecting, running, troubled (a topic or partition cannot go on, the others do), disconnected, waiting and stalled (for what a transaction or a foreign key lacks), retrying (the world''s fault, the batch is tried again), blocked (the same, for a lock: detail names who holds it), done (a replay), or a word of stat_worker';
COMMENT ON COLUMN standin.cdc_sources.recovered_at IS 'when the worker went on after last_error: that is over; null: it has not yet, or nothing has failed';
COMMENT ON COLUMN standin.cdc_sources.blocked_by IS 'processes for whose locks the worker waits at this moment (0: a prepared transaction)';
COMMENT ON COLUMN standin.cdc_sources.memory_bytes IS 'resident memory of its workers together, now: records fetched and being applied, caches; shared memory is not counted';
COMMENT ON VIEW standin.cdc_tables IS 'which topic is applied to which table, as whom';
CREATE OR REPLACE VIEW standin.cdc_dead_letters AS
SELECT d.consumer AS source, d.topic, d.partition, d.record_offset, d.sqlstate, d.error, d.column_name,
       t.target, d.key, d.value, d.headers, d.redacted, d.record_at, d.attempts, d.created_at, d.last_attempt_at, d.superseded_by,
       standin_private.cdc_dead_letter_stale(d) AS stale, d.retry_at, d.retry_by, d.retry_force, d.restored_at, d.restored_by, d.hint
FROM standin_private.kafka_dead_letter d
LEFT JOIN standin_private.cdc_table t ON t.source = d.consumer AND t.topic = standin_private.cdc_topic_of(d.consumer, d.topic);
COMMENT ON VIEW standin.cdc_dead_letters IS 'records that could not be applied, and why; the stream went on past them';
COMMENT ON COLUMN standin.cdc_dead_letters.redacted IS 'confidential fields are hidden; a retry reads the record from Kafka again';
COMMENT ON COLUMN standin.cdc_dead_letters.headers IS 'array of {"key", "value"}, the value in base64';
COMMENT ON COLUMN standin.cdc_dead_letters.record_at IS 'the record''s time in Kafka';
COMMENT ON COLUMN standin.cdc_dead_letters.attempts IS 'how often it was tried; 1: never retried';
COMMENT ON COLUMN standin.cdc_dead_letters.superseded_by IS 'offset of a later record of the same key that was applied; null: none so far';
COMMENT ON COLUMN standin.cdc_dead_letters.stale IS 'why a retry must be forced: it might bring old values back; null: it need not';
COMMENT ON COLUMN standin.cdc_dead_letters.hint IS 'what would mend it, where that is known';
COMMENT ON COLUMN standin.cdc_dead_letters.retry_at IS 'when a retry was asked for that the worker has not made yet';
COMMENT ON VIEW standin.cdc_messages IS 'logical messages (pg_logical_emit_message at the source) of sources with on_message = store';
COMMENT ON COLUMN standin.cdc_messages.lsn IS 'where in the source''s log the message is, as pg_lsn is written; null if the source does not say';
COMMENT ON COLUMN standin.cdc_messages.source_at IS 'when the source committed it';
COMMENT ON COLUMN standin.cdc_messages.at IS 'when it was stored here';
CREATE OR REPLACE VIEW standin.cdc_dead_letters_discarded AS
SELECT d.consumer AS source, d.topic, d.partition, d.record_offset, d.sqlstate, d.error, d.column_name, d.key, d.value, d.headers,
       d.redacted, d.record_at, d.attempts, d.created_at, d.last_attempt_at, d.superseded_by, d.discarded_at, d.discarded_by, d.reason,
       d.restored_at, d.restored_by, d.hint
FROM standin_private.kafka_dead_letter_discarded d;
COMMENT ON VIEW standin.cdc_dead_letters_discarded IS 'dead letters that were given up: by whom, when, why; and taken back (cdc_dead_letter_restore), by whom and when';
CREATE OR REPLACE VIEW standin.stat_cdc AS
SELECT t.source, coalesce(o.topic, t.topic) AS topic, o.partition, t.target, o.next_offset, o.end_offset,
       CASE WHEN seen.now THEN greatest(least(o.end_offset, o.stop_offset) - o.next_offset, 0) END AS lag_messages,
       CASE WHEN NOT seen.now THEN NULL
            WHEN o.next_offset >= least(o.end_offset, o.stop_offset) THEN 0
            WHEN p.source_at IS NOT NULL THEN greatest(extract(epoch FROM standin_private.clock_now() - p.source_at), 0)
       END AS lag_seconds,
       greatest(extract(epoch FROM p.debezium_at - p.source_at), 0) AS debezium_seconds,
       p.source_at, p.debezium_at, p.applied_at, o.seek_at, o.stop_offset, p.reads, p.inserts, p.updates, p.deletes, p.truncates,
       p.messages, p.ignored, p.filtered, p.duplicates, p.unknown_fields, p.dead_letters,
       (SELECT count(*) FROM standin_private.kafka_dead_letter d
        WHERE d.consumer = o.consumer AND d.topic = o.topic AND d.partition = o.partition) AS dead_letters_open,
       p.batches, p.bytes, w.state, w.detail, w.error_sqlstate, w.last_error, w.error_at,
       standin_private.process_memory(w.pid) AS memory_bytes,
       (SELECT count(*) FROM standin_private.cdc_gap g WHERE g.source = t.source AND g.state IN ('open', 'snapshot_requested')) AS gaps_open,
       w.end_seen_at, w.recovered_at, w.blocked_by
FROM standin_private.cdc_table t
LEFT JOIN standin_private.kafka_offset o ON o.consumer = t.source AND standin_private.cdc_topic_of(t.source, o.topic) = t.topic
LEFT JOIN standin_private.cdc_progress p ON p.source = o.consumer AND p.topic = o.topic AND p.partition = o.partition
JOIN standin_private.cdc_source s ON s.source = t.source
LEFT JOIN standin_private.worker_status w ON w.kind = 'cdc'
    AND w.key = standin_private.cdc_worker_key(s.source, standin_private.cdc_worker_of(coalesce(o.topic, t.topic), coalesce(o.partition, 0), s.workers))
CROSS JOIN LATERAL (SELECT o.end_offset IS NOT NULL AND o.seek_at IS NULL AND w.end_seen_at IS NOT NULL
                           AND w.state IN ('running', 'troubled', 'waiting', 'stalled', 'retrying', 'blocked') AS now) seen;
COMMENT ON VIEW standin.stat_cdc IS 'progress of each partition; no partition yet while the topic was never reached';
COMMENT ON COLUMN standin.stat_cdc.next_offset IS 'the next record to apply; all before it are in the table or in cdc_dead_letters';
COMMENT ON COLUMN standin.stat_cdc.end_offset IS 'the end of the partition at end_seen_at';
COMMENT ON COLUMN standin.stat_cdc.end_seen_at IS 'when the worker last knew how far its partitions go: what came to Kafka later is not in end_offset and lag. Seconds ago while it works; longer ago while one transaction lasts';
COMMENT ON COLUMN standin.stat_cdc.last_error IS 'what went wrong last, whether it is over or not: see recovered_at';
COMMENT ON COLUMN standin.stat_cdc.recovered_at IS 'when the worker went on after last_error: that is over; null: it has not yet, or nothing has failed';
COMMENT ON COLUMN standin.stat_cdc.blocked_by IS 'processes for whose locks the worker waits at this moment (0: a prepared transaction)';
COMMENT ON COLUMN standin.stat_cdc.lag_messages IS 'offsets between them (transaction markers of Kafka included); null while the end is not known: before the first fetch, and while the worker does not read';
COMMENT ON COLUMN standin.stat_cdc.lag_seconds IS 'age of the last applied event at its source, Debezium''s share included; 0 when everything seen is applied, null while that is not known';
COMMENT ON COLUMN standin.stat_cdc.debezium_seconds IS 'how long after the source Debezium made the last applied event: its share of the lag; null if events do not say';
COMMENT ON COLUMN standin.stat_cdc.seek_at IS 'a seek that Kafka has still to be asked for: the first record of that time, infinity: the end';
COMMENT ON COLUMN standin.stat_cdc.stop_offset IS 'of a replay: the first record that is not applied any more';
COMMENT ON COLUMN standin.stat_cdc.messages IS 'logical messages of the source''s log (op m)';
COMMENT ON COLUMN standin.stat_cdc.ignored IS 'tombstones, heartbeats and other records that change no row, and rows from before a truncate that another partition brought first';
COMMENT ON COLUMN standin.stat_cdc.filtered IS 'rows that the table''s row_filter kept out';
COMMENT ON COLUMN standin.stat_cdc.duplicates IS 'events sent again by a restarted connector, known by their position at the source and not applied again';
COMMENT ON COLUMN standin.stat_cdc.unknown_fields IS 'fields of events for which the target has no column';
COMMENT ON COLUMN standin.stat_cdc.dead_letters IS 'records of the stream that could not be applied, since the source exists';
COMMENT ON COLUMN standin.stat_cdc.dead_letters_open IS 'those in cdc_dead_letters now';
COMMENT ON COLUMN standin.stat_cdc.batches IS 'transactions that applied something of the partition';
COMMENT ON COLUMN standin.stat_cdc.bytes IS 'keys and values of the records taken';
COMMENT ON COLUMN standin.stat_cdc.memory_bytes IS 'resident memory of the worker that has the partition, now';
COMMENT ON COLUMN standin.stat_cdc.gaps_open IS 'transactions of which the source''s connector lost events, in cdc_gaps and not known to be mended; of the whole source, in each of its rows';
CREATE VIEW standin.stat_cdc_records AS
SELECT c.source, c.topic, c.partition, c.records, c.applied, c.duplicates, c.filtered, c.ignored, c.dead_letters,
       c.records - c.applied - c.duplicates - c.filtered - c.ignored - c.dead_letters AS unaccounted
FROM (SELECT p.source, p.topic, p.partition, p.records, p.reads + p.inserts + p.updates + p.deletes + p.truncates + p.messages AS applied,
             p.duplicates, p.filtered, p.ignored, p.dead_letters
      FROM standin_private.cdc_progress p) c;
COMMENT ON VIEW standin.stat_cdc_records IS 'what became of the records of each partition: records = applied + duplicates + filtered + ignored + dead_letters';
COMMENT ON COLUMN standin.stat_cdc_records.records IS 'taken from Kafka, and dead letters that a retry applied';
COMMENT ON COLUMN standin.stat_cdc_records.applied IS 'rows, truncates and logical messages, retried dead letters among them';
COMMENT ON COLUMN standin.stat_cdc_records.dead_letters IS 'records that became dead letters when they came, whatever became of those';
COMMENT ON COLUMN standin.stat_cdc_records.unaccounted IS '0, or a record went unseen';
COMMENT ON TABLE standin_private.cdc_verification IS 'comparisons of a target with its source; outlives its source; kept whole';
COMMENT ON TABLE standin_private.cdc_difference IS 'rows in which a target differs from its source, up to 1000 a run; distributed by run';
COMMENT ON FUNCTION standin_private.cdc_canonical(text, regtype) IS 'an expression for a value as text that equal values share, whatever server they come from';
CREATE OR REPLACE FUNCTION standin.cdc_verification_begin(
    source text, topic text, reference regclass, OUT run bigint, OUT keys text[], OUT types text[],
    OUT target_from text, OUT target_keys text[], OUT target_values text,
    OUT reference_from text, OUT reference_keys text[], OUT reference_values text, OUT columns name[])
RETURNS record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry standin_private.cdc_table;
    skipped name[];
    unusable text;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT * INTO entry FROM standin_private.cdc_table t
    WHERE t.source = cdc_verification_begin.source AND t.topic = cdc_verification_begin.topic;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    ELSIF reference IS NULL THEN
        RAISE EXCEPTION 'a reference must be given' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'A foreign table, view or table with the source''s rows.';
    ELSIF entry.kind = 'history' OR NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = entry.target AND i.indisprimary) THEN
        RAISE EXCEPTION 'the target of topic "%" cannot be compared with its source', topic
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Rows are compared by primary key, as they are now.';
    END IF;
    WITH taken AS (
        SELECT a.attnum, a.attname, format_type(a.atttypid, -1) AS type, a.atttypid, r.attname AS field,
               array_position(i.indkey::int2[], a.attnum) AS place
        FROM pg_attribute a
        JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
        LEFT JOIN standin_private.cdc_column m ON m.source = entry.source AND m.topic = entry.topic
                                              AND m.name = a.attname AND m.kind <> 'drop'
        LEFT JOIN pg_attribute r ON r.attrelid = reference AND r.attnum > 0 AND NOT r.attisdropped
                                AND r.attname = CASE WHEN m.kind IS NULL THEN a.attname::text WHEN m.kind = 'field' THEN m.field END
        WHERE a.attrelid = entry.target AND a.attnum > 0 AND NOT a.attisdropped
    ), formed AS ( -- without the type's modifier: a cast would cut what does not fit and hide the difference
        SELECT t.*, format('t.%I', t.attname) AS ours, CASE WHEN t.field IS NOT NULL THEN format('r.%I::%s', t.field, t.type) END AS theirs FROM taken t
    )
    SELECT array_agg(f.attname::text ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.type ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.ours ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.theirs ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           string_agg(standin_private.cdc_canonical(f.ours, f.atttypid), ', ' ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL),
           string_agg(standin_private.cdc_canonical(f.theirs, f.atttypid), ', ' ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL),
           coalesce(array_agg(f.attname ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL), '{}'),
           coalesce(array_agg(f.attname ORDER BY f.attnum) FILTER (WHERE f.field IS NULL), '{}'),
           string_agg(quote_ident(f.attname), ', ') FILTER (WHERE f.place IS NOT NULL AND f.field IS NULL)
    INTO keys, types, target_keys, reference_keys, target_values, reference_values, columns, skipped, unusable
    FROM formed f;
    IF unusable IS NOT NULL THEN
        RAISE EXCEPTION 'reference % has no column for the key of table % (%)', reference, entry.target, unusable
            USING ERRCODE = 'undefined_column', HINT = 'Make a view that has the source''s key.';
    END IF;
    target_from := entry.target || ' t';
    reference_from := reference || ' r';
    INSERT INTO standin_private.cdc_verification (source, topic, target, reference, compared, skipped, started_by)
    VALUES (entry.source, entry.topic, standin_private.table_name(entry.target),
            standin_private.table_name(cdc_verification_begin.reference), columns, skipped, standin_private.caller())
    RETURNING cdc_verification.run INTO run;
END $$;
COMMENT ON FUNCTION standin.cdc_verification_begin(text, text, regclass) IS 'a part of standin.cdc_verify: begins a run and says what to compare. Errors: 42704 unknown source or topic, 55000 no primary key or a history, 42703 the reference lacks a key column';
COMMENT ON FUNCTION standin_private.cdc_verification_mine(bigint) IS 'the run, if this session is its own; else 55000';
CREATE OR REPLACE FUNCTION standin.cdc_verification_note(run bigint, compared bigint, key jsonb, kind text, columns name[], finished boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_verification_mine(run);
    UPDATE standin_private.cdc_verification v
    SET rows_compared = v.rows_compared + cdc_verification_note.compared, progress_at = standin_private.clock_now(),
        differences = v.differences + CASE WHEN kind <> 'unsettled' THEN 1 ELSE 0 END,
        unsettled = v.unsettled + CASE WHEN kind = 'unsettled' THEN 1 ELSE 0 END,
        state = CASE WHEN finished THEN 'finished' ELSE v.state END
    WHERE v.run = cdc_verification_note.run;
    IF kind IS NOT NULL AND (SELECT v.differences + v.unsettled <= 1000 FROM standin_private.cdc_verification v
                             WHERE v.run = cdc_verification_note.run) THEN
        INSERT INTO standin_private.cdc_difference (run, key, kind, columns)
        VALUES (cdc_verification_note.run, cdc_verification_note.key, cdc_verification_note.kind, cdc_verification_note.columns)
        ON CONFLICT DO NOTHING;
    END IF;
    IF finished THEN
        PERFORM standin_private.cdc_gaps_mend((SELECT v.source FROM standin_private.cdc_verification v WHERE v.run = cdc_verification_note.run));
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_verification_note(bigint, bigint, jsonb, text, name[], boolean) IS 'a part of standin.cdc_verify: counts rows compared and notes a difference. Errors: 55000 not this session''s run';
COMMENT ON FUNCTION standin.cdc_verification_ends(bigint) IS 'a part of standin.cdc_verify: where the partitions end now. Errors: 55000 not this session''s run';
COMMENT ON FUNCTION standin.cdc_verification_passed(bigint, jsonb) IS 'a part of standin.cdc_verify: whether everything up to these ends is applied and all workers of the source run. Errors: 55000 not this session''s run';
COMMENT ON FUNCTION standin.cdc_verification_range(text[], text[], text[], text[]) IS 'a part of standin.cdc_verify: the condition that a key is above low and at most high; null: without bound';
COMMENT ON FUNCTION standin.cdc_verification_row(text[], text[], jsonb) IS 'a part of standin.cdc_verify: the condition that a row has the key, given as an array of texts';
COMMENT ON FUNCTION standin.cdc_verification_state(text[]) IS 'a part of standin.cdc_verify: a fingerprint of a row, or of there being none';
CREATE PROCEDURE standin.cdc_verification_pin()
LANGUAGE plpgsql AS $$
BEGIN
    -- Rows are compared as texts, and ranges are told by them: no session's settings may make different values look alike.
    PERFORM pg_catalog.set_config(s.name, s.setting, true)
    FROM (VALUES ('search_path', 'pg_catalog, pg_temp'), ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'),
                 ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('xmloption', 'content')) s (name, setting);
END $$;
COMMENT ON PROCEDURE standin.cdc_verification_pin() IS 'a part of standin.cdc_verify: until the end of the transaction names and texts mean what they mean there, whatever the session has set';
CREATE OR REPLACE PROCEDURE standin.cdc_verification_settle(run bigint, plan jsonb, suspects jsonb[], patience interval)
LANGUAGE plpgsql AS $$
DECLARE
    names name[];
    types text[];
    target_keys text[];
    reference_keys text[];
    deadline timestamptz;
    remaining jsonb[];
    suspect jsonb;
    ours text[];
    theirs text[];
    passed boolean;
    verdict text;
BEGIN
    CALL standin.cdc_verification_pin();
    names := ARRAY(SELECT jsonb_array_elements_text(plan->'columns'));
    types := ARRAY(SELECT jsonb_array_elements_text(plan->'types'));
    target_keys := ARRAY(SELECT jsonb_array_elements_text(plan->'target_keys'));
    reference_keys := ARRAY(SELECT jsonb_array_elements_text(plan->'reference_keys'));
    deadline := clock_timestamp() + patience * 10;
    WHILE cardinality(suspects) > 0 LOOP
        COMMIT;
        CALL standin.cdc_verification_pin();
        PERFORM pg_sleep(least(0.2, extract(epoch FROM patience) / 10));
        remaining := '{}';
        FOREACH suspect IN ARRAY suspects LOOP
            passed := suspect ? 'ends' AND standin.cdc_verification_passed(run, suspect->'ends');
            EXECUTE format('SELECT ARRAY[%s]::text[] FROM %s WHERE %s', plan->>'reference_values', plan->>'reference_from',
                           standin.cdc_verification_row(reference_keys, types, suspect->'key')) INTO theirs;
            EXECUTE format('SELECT ARRAY[%s]::text[] FROM %s WHERE %s', plan->>'target_values', plan->>'target_from',
                           standin.cdc_verification_row(target_keys, types, suspect->'key')) INTO ours;
            -- What the source had at an earlier look and the target has now has arrived: the rest is on its way.
            CONTINUE WHEN ours IS NOT DISTINCT FROM theirs OR suspect->'seen' @> standin.cdc_verification_state(ours);
            verdict := NULL;
            IF suspect->'theirs' IS DISTINCT FROM standin.cdc_verification_state(theirs) THEN
                suspect := suspect - 'ends' || jsonb_build_object(
                    'since', clock_timestamp(), 'theirs', standin.cdc_verification_state(theirs),
                    'seen', suspect->'seen' || standin.cdc_verification_state(theirs));
            ELSIF passed THEN
                verdict := CASE WHEN ours IS NULL THEN 'missing' WHEN theirs IS NULL THEN 'extra' ELSE 'different' END;
            ELSIF NOT suspect ? 'ends' AND clock_timestamp() > (suspect->>'since')::timestamptz + patience THEN
                suspect := suspect || jsonb_build_object('ends', standin.cdc_verification_ends(run));
            END IF;
            IF verdict IS NULL AND clock_timestamp() <= deadline THEN
                remaining := remaining || suspect;
            ELSE
                PERFORM standin.cdc_verification_note(
                    run, 0, (SELECT jsonb_object_agg(k.name, suspect->'key'->(k.number - 1)::integer)
                             FROM jsonb_array_elements_text(plan->'keys') WITH ORDINALITY AS k(name, number)),
                    coalesce(verdict, 'unsettled'),
                    ARRAY(SELECT names[i] FROM generate_subscripts(names, 1) AS i WHERE ours[i] IS DISTINCT FROM theirs[i]), false);
            END IF;
        END LOOP;
        suspects := remaining;
    END LOOP;
END $$;
COMMENT ON PROCEDURE standin.cdc_verification_settle(bigint, jsonb, jsonb[], interval) IS 'a part of standin.cdc_verify: looks at rows that differ until they agree or the difference has outlived its position in the stream. Errors: 2D000 inside a transaction block';
CREATE FUNCTION standin.cdc_verification_commits() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_cdc_verification_commits';
COMMENT ON FUNCTION standin.cdc_verification_commits() IS 'a part of standin.cdc_verify: an error where it cannot commit. Errors: 25001';
CREATE OR REPLACE PROCEDURE standin.cdc_verify(source text, topic text, reference regclass, chunk integer DEFAULT 10000,
                                    "wait" interval DEFAULT '10 seconds', INOUT run bigint DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
    keys text[];
    types text[];
    low text[];
    high text[];
    ours text;
    theirs text;
    counted bigint;
    same boolean;
    found jsonb[];
    suspects jsonb[] := '{}';
BEGIN
    PERFORM standin.cdc_verification_commits();
    COMMIT;
    CALL standin.cdc_verification_pin();
    IF coalesce(chunk < 1, true) OR coalesce("wait" <= '0', true) THEN
        RAISE EXCEPTION 'chunk and wait are positive' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'wait is longer than the time that a change needs from the source''s commit to Kafka.';
    END IF;
    plan := to_jsonb(b) FROM standin.cdc_verification_begin(source, topic, reference) AS b;
    run := (plan->>'run')::bigint;
    keys := ARRAY(SELECT jsonb_array_elements_text(plan->'target_keys'));
    types := ARRAY(SELECT jsonb_array_elements_text(plan->'types'));
    LOOP
        EXECUTE format('SELECT ARRAY[%1$s]::text[] FROM %2$s WHERE %3$s ORDER BY %1$s OFFSET %4$s LIMIT 1', array_to_string(keys, ', '),
                       plan->>'target_from', standin.cdc_verification_range(keys, types, low, NULL), chunk - 1) INTO high;
        SELECT format('SELECT jsonb_build_array(%s) AS key, hashtextextended(ARRAY[%s]::text, 0) AS hash FROM %s WHERE %s',
                      string_agg(k || '::text', ', '), plan->>'target_values', plan->>'target_from',
                      standin.cdc_verification_range(keys, types, low, high))
        INTO ours FROM unnest(keys) AS k;
        SELECT format('SELECT jsonb_build_array(%s) AS key, hashtextextended(ARRAY[%s]::text, 0) AS hash FROM %s WHERE %s',
                      string_agg(k || '::text', ', '), plan->>'reference_values', plan->>'reference_from',
                      standin.cdc_verification_range(array_agg(k), types, low, high))
        INTO theirs FROM jsonb_array_elements_text(plan->'reference_keys') AS k;
        EXECUTE format('SELECT greatest(o.count, t.count), o IS NOT DISTINCT FROM t FROM (SELECT count(*), sum(hash) FROM (%s) x) o, '
                       '(SELECT count(*), sum(hash) FROM (%s) x) t', ours, theirs) INTO counted, same;
        IF NOT same THEN
            EXECUTE format('SELECT array_agg(jsonb_build_object(''key'', key, ''seen'', ''[]''::jsonb)) FROM (%s) o FULL JOIN (%s) t USING (key) '
                           'WHERE o.hash IS DISTINCT FROM t.hash', ours, theirs) INTO found;
            suspects := suspects || coalesce(found, '{}');
        END IF;
        PERFORM standin.cdc_verification_note(run, counted, NULL, NULL, NULL, false);
        COMMIT;
        CALL standin.cdc_verification_pin();
        IF cardinality(suspects) >= 1000 OR (high IS NULL AND suspects <> '{}') THEN
            CALL standin.cdc_verification_settle(run, plan, suspects, "wait");
            CALL standin.cdc_verification_pin();
            suspects := '{}';
        END IF;
        EXIT WHEN high IS NULL;
        low := high;
    END LOOP;
    PERFORM standin.cdc_verification_note(run, 0, NULL, NULL, NULL, true);
END $$;
COMMENT ON PROCEDURE standin.cdc_verify IS 'compares a target with its source while both change, in ranges of chunk keys: reference is a foreign table, view or table with the source''s rows, its columns named as the event''s fields. Reads both as its caller. A row that differs is looked at again until it agrees; it counts once it has outlived wait and everything that Kafka had by then is applied. Results: standin.cdc_verifications, standin.cdc_differences. Errors: 25001 inside a transaction block or a function, 42704 unknown source or topic, 55000 no primary key or a history, 42703 the reference lacks a key column, 42501 rights on either table missing, 22023 an option out of range';
CREATE OR REPLACE VIEW standin.cdc_verifications AS
SELECT v.run, v.source, v.topic, standin_private.table_named(v.target) AS target,
       standin_private.table_named(v.reference) AS reference, v.state, v.rows_compared, v.differences, v.unsettled, v.compared, v.skipped,
       v.started_at, v.progress_at, v.started_by, v.target AS target_name, v.reference AS reference_name
FROM standin_private.cdc_verification v;
COMMENT ON VIEW standin.cdc_verifications IS 'runs of cdc_verify; one that was interrupted stays running and makes no progress';
COMMENT ON COLUMN standin.cdc_verifications.target IS 'null if it was dropped or renamed, see target_name';
COMMENT ON COLUMN standin.cdc_verifications.reference IS 'null if it was dropped or renamed, see reference_name';
COMMENT ON COLUMN standin.cdc_verifications.unsettled IS 'rows that kept changing, or whose stream stood still, so that nothing can be said of them; 0 and no difference: equal';
COMMENT ON COLUMN standin.cdc_verifications.skipped IS 'columns that have no counterpart in the reference, or that the mapping computes or masks';
CREATE OR REPLACE VIEW standin.cdc_differences AS
SELECT d.run, v.source, v.topic, standin_private.table_named(v.target) AS target, d.key, d.kind, d.columns, d.found_at, v.target AS target_name
FROM standin_private.cdc_difference d JOIN standin_private.cdc_verification v USING (run);
COMMENT ON VIEW standin.cdc_differences IS 'rows in which a target differs from its source, up to 1000 a run: missing from the target, extra there, different (in which columns), or unsettled';
GRANT EXECUTE ON FUNCTION standin.cdc_source_create, standin.cdc_source_alter, standin.cdc_source_reset,
    standin.cdc_source_drop(text), standin.cdc_table_add,
    standin.cdc_table_remove(text, text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_pause(text, text), standin.cdc_resume(text),
    standin.cdc_seek(text, text, integer, bigint), standin.cdc_seek(text, text, text, integer),
    standin.cdc_seek(text, text, timestamptz, integer),
    standin.cdc_replay(text, text, integer, bigint, bigint, regclass, name, text), standin.cdc_snapshot(text, text, text, text, text),
    standin.cdc_dead_letter_retry(text, text, integer, bigint, boolean), standin.cdc_dead_letter_retry(text, text, text, boolean),
    standin.cdc_dead_letter_discard(text, text, integer, bigint, text), standin.cdc_dead_letter_discard(text, text, text, text, boolean),
    standin.cdc_dead_letter_restore(text, text, integer, bigint), standin.cdc_dead_letter_restore(text, text, text)
    TO standin_operator, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_gaps_snapshot(text), standin.cdc_gap_dismiss(text, text, text) TO standin_operator, standin_admin;
GRANT SELECT ON standin.cdc_gaps TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.cdc_signals TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.cdc_sources, standin.cdc_tables, standin.stat_cdc, standin.stat_cdc_records TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.cdc_dead_letters, standin.cdc_dead_letters_discarded TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.cdc_dead_letter_stale(standin_private.kafka_dead_letter) TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.clock_now() TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT EXECUTE ON FUNCTION standin_private.cdc_topic_of(text, text), standin_private.cdc_worker_of(text, integer, integer),
    standin_private.cdc_worker_key(text, integer), standin_private.cdc_message_function(text), standin_private.table_named(text),
    standin_private.cdc_message_function_name(regprocedure) TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.cdc_messages TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_verification_begin(text, text, regclass), standin.cdc_verification_commits(),
    standin.cdc_verification_note(bigint, bigint, jsonb, text, name[], boolean), standin.cdc_verification_ends(bigint),
    standin.cdc_verification_passed(bigint, jsonb), standin.cdc_verification_range(text[], text[], text[], text[]),
    standin.cdc_verification_row(text[], text[], jsonb), standin.cdc_verification_state(text[])
    TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON PROCEDURE standin.cdc_verification_settle(bigint, jsonb, jsonb[], interval), standin.cdc_verification_pin(), standin.cdc_verify
    TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.cdc_verifications, standin.cdc_differences TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_table_create TO standin_admin;
GRANT SELECT ON standin.cdc_tables_planned TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_column_map, standin.cdc_field_drop(text, text, text),
    standin.cdc_column_unmap(text, text, name), standin.cdc_table_alter, standin.cdc_table_reset TO standin_admin;
GRANT SELECT ON standin.cdc_columns TO standin_operator, standin_auditor, standin_admin;
COMMENT ON TABLE standin_private.workflow_definition IS
    'Versions of workflow definitions; a run is pinned to one; kept whole';
COMMENT ON TABLE standin_private.workflow_run IS
    'One row a workflow, written at its start and once more at its end: no index on anything that changes, so that update stays in the page; distributed by workflow_id';
CREATE INDEX workflow_run_parent ON standin_private.workflow_run (parent) WHERE parent IS NOT NULL;
COMMENT ON TABLE standin_private.workflow_task IS
    'Open workflows only: who works on each, until when, under which fencing token; distributed by workflow_id';
CREATE INDEX workflow_task_waiting ON standin_private.workflow_task (available_at) WHERE waiting IS NOT NULL AND form = 'database';
CREATE INDEX workflow_task_awaiting ON standin_private.workflow_task (workflow_id) WHERE waiting = 'workflow';
CREATE INDEX workflow_task_awake ON standin_private.workflow_task (submitter) WHERE form = 'database' AND waiting IS NULL;
CREATE INDEX workflow_task_waiting_for ON standin_private.workflow_task (waiting_for) WHERE waiting_for IS NOT NULL;
COMMENT ON TABLE standin_private.workflow_step IS
    'The step log, append-only: a row is written in the transaction of the step''s effect; distributed by workflow_id';
COMMENT ON TABLE standin_private.workflow_attempt IS
    'Failed attempts of steps, recorded when they fail; distributed by workflow_id';
CREATE TABLE standin_private.workflow_compensation (
    workflow_id text NOT NULL,
    seq integer NOT NULL,
    handler text NOT NULL,
    input jsonb,
    done_at timestamptz,
    output jsonb,
    PRIMARY KEY (workflow_id, seq)
);
COMMENT ON TABLE standin_private.workflow_compensation IS
    'What undoes a recorded step, and when it has; distributed by workflow_id';
COMMENT ON TABLE standin_private.workflow_role IS
    'Roles that have started an in-database workflow: each gets one executor, connected as that role; kept whole';
CREATE OR REPLACE FUNCTION standin_private.workflow_run_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.status <> 'open' THEN
        RAISE EXCEPTION 'workflow "%" is already %', OLD.workflow_id, OLD.status
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF (NEW.workflow_id, NEW.name, NEW.created_at) IS DISTINCT FROM (OLD.workflow_id, OLD.name, OLD.created_at)
       OR NEW.input IS DISTINCT FROM OLD.input
       OR NEW.submitter <> OLD.submitter AND to_regrole(quote_ident(OLD.submitter)) IS NOT NULL THEN -- see workflow_reassign
        RAISE EXCEPTION 'what workflow "%" was started with cannot be changed', OLD.workflow_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION standin_private.workflow_run_guard() IS 'A finished workflow stays as it is, and so does the input of any.';
COMMENT ON FUNCTION standin_private.workflow_step_guard() IS 'The step log is append-only.';
CREATE SEQUENCE standin_private.workflow_code;
CREATE OR REPLACE FUNCTION standin_private.workflow_source_hash(procedure oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex') FROM pg_proc p WHERE p.oid = procedure);
END $$;
COMMENT ON FUNCTION standin_private.workflow_source_hash(oid) IS 'SHA-256 of a procedure''s source.';
CREATE OR REPLACE FUNCTION standin_private.workflow_procedure(qualified text, returns_output boolean) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = (parse_ident(qualified))[1] AND p.proname = (parse_ident(qualified))[2] AND p.prokind = 'p'
               AND p.proargtypes = (CASE WHEN returns_output THEN '3802 3802' ELSE '3802' END)::oidvector); -- 3802 is jsonb
END $$;
COMMENT ON FUNCTION standin_private.workflow_procedure(text, boolean) IS
    'Finds the procedure of a definition without needing rights on its schema; NULL if it is gone.';
CREATE FUNCTION standin_private.workflow_code_schema() RETURNS name
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_code_schema';
COMMENT ON FUNCTION standin_private.workflow_code_schema() IS
    'Makes a schema for one version''s code, which belongs to standin_owner: that role may create nothing in a database by itself.';
CREATE FUNCTION standin_private.workflow_pin(procedure oid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET check_function_bodies = off AS $$
DECLARE
    code name := standin_private.workflow_code_schema();
    original pg_proc;
    qualified text;
BEGIN
    SELECT * INTO STRICT original FROM pg_proc p WHERE p.oid = workflow_pin.procedure;
    qualified := format('%I.%I', code, original.proname);
    -- Only its body is copied: what its parameters' defaults are does not matter to a workflow.
    EXECUTE format('CREATE PROCEDURE %s(%s) LANGUAGE plpgsql AS %L', qualified,
        (SELECT string_agg(format('%s %I jsonb', CASE WHEN n = 2 THEN 'INOUT' ELSE 'IN' END,
                                  coalesce(nullif(original.proargnames[n], ''), '$' || n)), ', ' ORDER BY n)
         FROM generate_series(1, original.pronargs) n), original.prosrc);
    EXECUTE format('REVOKE ALL ON PROCEDURE %s FROM PUBLIC', qualified);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO standin_app', code);
    EXECUTE format('GRANT EXECUTE ON PROCEDURE %s TO standin_app', qualified);
    RETURN qualified;
END $$;
COMMENT ON FUNCTION standin_private.workflow_pin(oid) IS
    'Copies a procedure, so that it stays what it is; returns the copy''s qualified name. The copy belongs to the product, and runs with its caller''s rights.';
CREATE FUNCTION standin_private.workflow_pin_late(name text, version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    original oid;
BEGIN
    SELECT p.oid INTO original FROM standin_private.workflow_definition d
      JOIN pg_proc p ON p.oid = standin_private.workflow_procedure(d.procedure, d.returns_output)
     WHERE d.name = name AND d.version = version AND d.code IS NULL AND d.source_hash = standin_private.workflow_source_hash(p.oid)
       FOR UPDATE OF d;
    IF FOUND THEN
        UPDATE standin_private.workflow_definition d SET code = standin_private.workflow_pin(original)
         WHERE d.name = name AND d.version = version AND d.code IS NULL;
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_pin_late(text, integer) IS
    'Gives a version that was defined before there were copies its own, if the procedure is still what was defined.';
COMMENT ON FUNCTION standin_private.workflow_caller() IS
    'The role that the session acts as (SET ROLE counts), seen from inside a SECURITY DEFINER function.';
COMMENT ON FUNCTION standin_private.workflow_input_hash(jsonb) IS 'What the step log keeps of a step''s input.';
COMMENT ON FUNCTION standin_private.workflow_flush() IS 'This transaction''s commit waits for its flush, whatever synchronous_commit says.';
CREATE FUNCTION standin.workflow_define(name text, procedure regprocedure DEFAULT NULL, recovery_limit integer DEFAULT NULL,
                                        step_limit integer DEFAULT NULL)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source record;
    wanted standin_private.workflow_definition;
    latest standin_private.workflow_definition;
BEGIN
    PERFORM standin_private.argument_require('name', workflow_define.name);
    PERFORM standin_private.caller();
    IF workflow_define.procedure IS NOT NULL THEN
        SELECT format('%I.%I', n.nspname, p.proname) AS qualified, p.prokind, p.prosecdef, p.proconfig, l.lanname,
               p.proargtypes::text AS argument_types, p.proargmodes[2] IS NOT DISTINCT FROM 'b' AS returns_output,
               'o' = ANY (coalesce(p.proargmodes, '{}')) OR 'v' = ANY (coalesce(p.proargmodes, '{}')) AS unfit
          INTO STRICT source
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
         WHERE p.oid = workflow_define.procedure;
        IF source.prokind <> 'p' OR source.lanname <> 'plpgsql' THEN
            RAISE EXCEPTION '% is not a PL/pgSQL procedure', workflow_define.procedure USING ERRCODE = 'wrong_object_type';
        END IF;
        IF source.unfit OR NOT (source.argument_types = '3802' OR source.argument_types = '3802 3802' AND source.returns_output) THEN
            RAISE EXCEPTION 'procedure % has the wrong parameters for a workflow', workflow_define.procedure
                USING ERRCODE = 'invalid_function_definition',
                      HINT = 'Declare it as (input jsonb) or (input jsonb, INOUT output jsonb).';
        END IF;
        IF source.prosecdef OR source.proconfig IS NOT NULL THEN
            RAISE EXCEPTION 'procedure % cannot commit between steps', workflow_define.procedure
                USING ERRCODE = 'invalid_function_definition',
                      DETAIL = 'PostgreSQL lets no SECURITY DEFINER procedure and none with a SET clause commit.',
                      HINT = 'Put SECURITY DEFINER or SET on the handlers of its steps.';
        END IF;
        wanted.procedure := source.qualified;
        wanted.source_hash := standin_private.workflow_source_hash(workflow_define.procedure);
        wanted.returns_output := source.returns_output;
    END IF;
    PERFORM standin_private.instance_bind_first();
    LOCK TABLE standin_private.workflow_definition IN SHARE ROW EXCLUSIVE MODE;
    SELECT * INTO latest FROM standin_private.workflow_definition d
     WHERE d.name = workflow_define.name ORDER BY d.version DESC LIMIT 1;
    IF workflow_define.procedure IS NULL THEN -- what is not given stays
        wanted.procedure := latest.procedure;
        wanted.source_hash := latest.source_hash;
        wanted.returns_output := coalesce(latest.returns_output, false);
    END IF;
    wanted.recovery_limit := coalesce(workflow_define.recovery_limit, latest.recovery_limit, 10);
    wanted.step_limit := coalesce(workflow_define.step_limit, latest.step_limit, 10000);
    IF (latest.procedure, latest.source_hash, latest.returns_output, latest.recovery_limit, latest.step_limit) IS NOT DISTINCT FROM
       (wanted.procedure, wanted.source_hash, wanted.returns_output, wanted.recovery_limit, wanted.step_limit) THEN
        RETURN latest.version;
    END IF;
    IF workflow_define.procedure IS NOT NULL AND (wanted.procedure, wanted.source_hash) IS DISTINCT FROM (latest.procedure, latest.source_hash) THEN
        wanted.code := standin_private.workflow_pin(workflow_define.procedure);
    ELSE
        wanted.code := latest.code;
    END IF;
    INSERT INTO standin_private.workflow_definition (name, version, procedure, returns_output, source_hash, recovery_limit, step_limit, code)
    VALUES (workflow_define.name, coalesce(latest.version, 0) + 1, wanted.procedure, wanted.returns_output,
            wanted.source_hash, wanted.recovery_limit, wanted.step_limit, wanted.code);
    RETURN coalesce(latest.version, 0) + 1;
END $$;
COMMENT ON FUNCTION standin.workflow_define(text, regprocedure, integer, integer) IS
    'Defines a workflow, or its next version if anything about it changed, and returns the version. What is not given stays. With a PL/pgSQL procedure (input jsonb [, INOUT output jsonb]) it runs inside the database; a new one without it is claimed by application workers. The version keeps a copy of that procedure, so that what is done to the procedure reaches new starts only, and by the next workflow_define. A workflow that was recovered recovery_limit times in a row without a new step is declared dead; one that has recorded step_limit steps (10,000) is blocked. Errors: 22004 no name, 42809 not a PL/pgSQL procedure, 42P13 other parameters, or a procedure that cannot commit';
CREATE FUNCTION standin.workflow_start(name text, id text DEFAULT NULL, input jsonb DEFAULT NULL, start_at timestamptz DEFAULT NULL)
RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_start';
COMMENT ON FUNCTION standin.workflow_start(text, text, jsonb, timestamptz) IS
    'Starts a workflow in the caller''s transaction and returns its id. The id is the idempotency key: starting again with the same name and input changes nothing, another name or input is an error. Without an id one is made. start_at: not before that time. What the handler of a step starts is a child of its workflow. Errors: 42704 not defined, 42501 the role cannot run it, 23505 the id is another workflow''s';
CREATE OR REPLACE FUNCTION standin_private.workflow_finish(id text, token bigint, status text, output jsonb, error jsonb)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    starter text;
BEGIN
    -- Who was told that it is cancelled is not told otherwise.
    DELETE FROM standin_private.workflow_task t WHERE t.workflow_id = id AND t.token = workflow_finish.token
       AND NOT (workflow_finish.status = 'completed' AND coalesce(t.control->>'action' = 'cancel', false));
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE standin_private.workflow_run r
       SET status = workflow_finish.status, token = workflow_finish.token, output = workflow_finish.output,
           error = workflow_finish.error, finished_at = standin_private.clock_now()
     WHERE r.workflow_id = id RETURNING r.parent INTO starter;
    IF starter IS NOT NULL OR EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.waiting_for = 'workflow ' || id) THEN
        PERFORM standin_private.workflow_signal('workflow ' || id, NULL);
    END IF;
    IF workflow_finish.status = 'cancelled' THEN -- what it started since it was told
        PERFORM standin_private.workflow_cancel_children(id, workflow_finish.error);
    END IF;
    PERFORM standin_private.wake('ticket');
    PERFORM standin_private.workflow_flush();
    RETURN true;
END $$;
COMMENT ON FUNCTION standin_private.workflow_finish(text, bigint, text, jsonb, jsonb) IS
    'Ends an open workflow that is held under the token; false if it is not.';
CREATE OR REPLACE FUNCTION standin_private.workflow_lease(id text, worker text, holder oid, until timestamptz)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    reached integer;
    stalled integer;
    recoveries integer;
    because jsonb;
BEGIN
    SELECT * INTO STRICT task FROM standin_private.workflow_task t WHERE t.workflow_id = id;
    reached := 0;
    stalled := 0;
    IF task.token > 0 OR task.suspended THEN
        SELECT coalesce(max(s.seq), 0) INTO reached FROM standin_private.workflow_step s WHERE s.workflow_id = id;
        IF reached = task.progress AND NOT task.suspended THEN
            stalled := task.stalls + 1;
        END IF;
    END IF;
    UPDATE standin_private.workflow_task t
       SET token = t.token + 1, worker = workflow_lease.worker, claimed_by = pg_get_userbyid(holder), available_at = until, progress = reached, stalls = stalled,
           claimed_at = standin_private.clock_now(), waiting = NULL, suspended = false
     WHERE t.workflow_id = id;
    IF stalled > 0 THEN
        SELECT d.recovery_limit INTO STRICT recoveries
          FROM standin_private.workflow_run r JOIN standin_private.workflow_definition d USING (name, version)
         WHERE r.workflow_id = id;
        IF stalled > recoveries THEN
            because := jsonb_build_object(
                'message', format('recovered %s times in a row without a new step', recoveries), 'step', reached + 1,
                'worker', task.worker, 'last_error', task.last_error);
            IF task.ending IS NOT NULL THEN -- half undone is nothing to give up
                UPDATE standin_private.workflow_task t SET waiting = 'blocked', available_at = 'infinity', worker = NULL, stalls = 0,
                       suspended = true, last_error = because WHERE t.workflow_id = id;
            ELSIF standin_private.workflow_conclude(id, task.token + 1, 'dead', because) THEN
                RETURN NULL;
            ELSE -- what it did is undone first
                UPDATE standin_private.workflow_task t SET stalls = 0 WHERE t.workflow_id = id;
                RETURN task.token + 1;
            END IF;
            RETURN NULL;
        END IF;
    END IF;
    RETURN task.token + 1;
END $$;
COMMENT ON FUNCTION standin_private.workflow_lease(text, text, oid, timestamptz) IS
    'Gives a task, whose row the caller has locked, to a worker under a new token; NULL if it has exceeded its recovery limit and is now dead.';
CREATE OR REPLACE FUNCTION standin_private.workflow_recover(role oid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    recovered bigint;
BEGIN
    UPDATE standin_private.workflow_task t SET available_at = '-infinity', worker = NULL
     WHERE t.form = 'database' AND t.submitter = pg_get_userbyid(role) AND t.available_at = 'infinity' AND t.waiting IS NULL;
    GET DIAGNOSTICS recovered = ROW_COUNT;
    RETURN recovered;
END $$;
COMMENT ON FUNCTION standin_private.workflow_recover(oid) IS
    'Called by the one executor of a role while it runs nothing: whatever is taken was taken by a predecessor, and is to be taken again.';
CREATE FUNCTION standin_private.workflow_take(role oid, executor text)
RETURNS TABLE (workflow_id text, token bigint, recorded integer, name text, version integer, procedure text,
               returns_output boolean, changed boolean, input jsonb, step_limit integer, wait_seq integer, wait_until timestamptz,
               ending jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    found_id text;
    given bigint;
    pinned record;
BEGIN
    LOOP
        SELECT t.workflow_id INTO found_id FROM standin_private.workflow_task t
         WHERE t.form = 'database' AND t.submitter = pg_get_userbyid(role) AND t.available_at <= standin_private.clock_now()
         ORDER BY t.available_at, t.seq LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            -- What is taken while its one executor asks for work is nobody's: restored from a dump, for example.
            IF standin_private.workflow_recover(role) = 0 THEN
                RETURN;
            END IF;
            CONTINUE;
        END IF;
        given := standin_private.workflow_lease(found_id, executor, role, 'infinity');
        CONTINUE WHEN given IS NULL;
        -- What was asked for while an executor had it that is gone.
        UPDATE standin_private.workflow_task t
           SET control = NULL, ending = CASE WHEN t.control->>'action' = 'cancel' THEN
                   coalesce(t.ending, jsonb_build_object('status', 'cancelled', 'error', t.control->'error')) ELSE t.ending END,
               waiting = CASE WHEN t.control->>'action' = 'pause' THEN 'paused' END,
               available_at = 'infinity', worker = CASE WHEN t.control->>'action' = 'pause' THEN NULL ELSE t.worker END,
               suspended = t.control->>'action' = 'pause'
         WHERE t.workflow_id = found_id AND t.control IS NOT NULL;
        EXIT WHEN NOT EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.workflow_id = found_id AND t.waiting IS NOT NULL);
    END LOOP;
    SELECT r.name, r.version, d.code INTO STRICT pinned FROM standin_private.workflow_run r
      JOIN standin_private.workflow_definition d USING (name, version) WHERE r.workflow_id = found_id;
    IF pinned.code IS NULL THEN
        PERFORM standin_private.workflow_pin_late(pinned.name, pinned.version);
    END IF;
    RETURN QUERY
        SELECT r.workflow_id, given, t.progress, d.name, d.version, coalesce(d.code, d.procedure), d.returns_output,
               d.source_hash IS DISTINCT FROM standin_private.workflow_source_hash(
                   standin_private.workflow_procedure(coalesce(d.code, d.procedure), d.returns_output)),
               r.input, d.step_limit, t.wait_seq, t.wait_until, t.ending
          FROM standin_private.workflow_run r
          JOIN standin_private.workflow_task t ON t.workflow_id = r.workflow_id
          JOIN standin_private.workflow_definition d ON d.name = r.name AND d.version = r.version
         WHERE r.workflow_id = found_id;
END $$;
COMMENT ON FUNCTION standin_private.workflow_take(oid, text) IS
    'Takes the next in-database workflow of a role for its executor: no row, or one.';
CREATE OR REPLACE FUNCTION standin_private.workflow_release(id text, token bigint, error jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The first time at once, then after 1, 3, 7 s... while it gets no further; recovery_limit is the end of that.
    UPDATE standin_private.workflow_task t
       SET available_at = CASE WHEN t.stalls = 0 THEN '-infinity'
                               ELSE standin_private.clock_now() + make_interval(secs => least(60, power(2, least(t.stalls, 6)) - 1)) END,
           waiting = CASE WHEN t.stalls > 0 THEN 'retry' END, worker = NULL, last_error = coalesce(error, t.last_error)
     WHERE t.workflow_id = id AND t.token = workflow_release.token AND t.waiting IS NULL AND t.available_at = 'infinity';
    PERFORM standin_private.workflow_dispatcher_wake();
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION standin_private.workflow_release(text, bigint, jsonb) IS
    'Gives a taken workflow back, to be resumed: after an error that only asks for another try.';
CREATE FUNCTION standin_private.workflow_conclude(id text, token bigint, status text, error jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM standin_private.workflow_compensation c WHERE c.workflow_id = id AND c.done_at IS NULL) THEN
        UPDATE standin_private.workflow_task t
           SET ending = jsonb_build_object('status', status, 'error', coalesce(CASE WHEN status = 'cancelled' THEN t.control->'error' END, error)), control = NULL
         WHERE t.workflow_id = id AND t.token = workflow_conclude.token;
        RETURN NOT FOUND;
    END IF;
    PERFORM standin_private.workflow_finish(id, token, status, NULL, coalesce(
        (SELECT t.control->'error' FROM standin_private.workflow_task t WHERE t.workflow_id = id AND status = 'cancelled'), error));
    RETURN true;
END $$;
COMMENT ON FUNCTION standin_private.workflow_conclude(text, bigint, text, jsonb) IS
    'Ends a workflow that does not complete; false if what it did is to be undone first.';
CREATE PROCEDURE standin.step(name text, handler text, input jsonb, INOUT output jsonb, retries integer DEFAULT 0,
                              backoff interval DEFAULT '1 s', maximum_backoff interval DEFAULT '5 min', retry_on text[] DEFAULT NULL,
                              timeout interval DEFAULT NULL, on_error text DEFAULT 'raise', compensate text DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_step';
COMMENT ON PROCEDURE standin.step(text, text, jsonb, jsonb, integer, interval, interval, text[], interval, text, text) IS
    'One step of an in-database workflow: runs the handler, a function(jsonb) returning jsonb, and commits its effect together with the record. After a crash a recorded step returns its output without running. Called in the workflow''s procedure only, outside any block with EXCEPTION. A handler that fails is tried again up to `retries` times, if retry_on (SQLSTATEs or their first two characters; null: any) has its error; errors that are nobody''s fault (classes 08, 40, 53, 57P01, 55P03, a cancel by an operator) up to 20 times in any case. The first retry follows after backoff, each other after twice the time, at most maximum_backoff; meanwhile the workflow holds no worker. timeout ends an attempt (57014). on_error => ''return'': what fails for good is recorded, with {"error": ...} as output, and the workflow goes on. compensate: a handler that undoes the step, with {"input": ..., "output": ...}, if the workflow does not complete';
COMMENT ON FUNCTION standin.workflow_current() IS 'The id of the in-database workflow that runs here, or null.';
COMMENT ON FUNCTION standin.step_key() IS
    'In the handler of a step: a key made of the workflow''s id and the step''s number, the same on every attempt and after every crash. Use it as the idempotency key of a call to the outside.';
COMMENT ON FUNCTION standin.workflow_result(text, interval) IS
    'Status (as in standin.workflows), output and error of a workflow. With a timeout, at most a minute, it waits for the end (null: it does not); being a function it holds its statement''s snapshot while it waits, so for longer waits CALL standin.workflow_wait.';
COMMENT ON PROCEDURE standin.workflow_wait(text, interval, text, jsonb, jsonb) IS
    'Waits for the end of a workflow without a transaction or a snapshot, so it must be called outside a transaction block. Status is that of an open workflow if the time was over first. A timeout of null is none.';
COMMENT ON FUNCTION standin_private.workflow_hold(text, bigint) IS 'Locks an external workflow under its current token, or refuses.';
CREATE FUNCTION standin_private.workflow_claimable(names text[]) RETURNS TABLE (name text, granted boolean, roles name[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    acting oid := standin_private.workflow_caller();
    own name[] := ARRAY(SELECT r.rolname FROM pg_roles r WHERE pg_has_role(acting, r.oid, 'USAGE'));
BEGIN
    RETURN QUERY SELECT DISTINCT u, EXISTS (SELECT FROM standin_private.workflow_grant g
                            WHERE g.name = u AND g.privilege = 'claim' AND g.role = ANY (own)), own
                   FROM unnest(names) u;
END $$;
COMMENT ON FUNCTION standin_private.workflow_claimable(text[]) IS
    'Of which names the caller may claim whatever was started; of the others, what these roles have started.';
CREATE OR REPLACE FUNCTION standin_private.workflow_claim_now(worker text, names text[], lease interval, max_count integer)
RETURNS TABLE (id text, name text, version integer, token bigint, input jsonb, lease_until timestamptz)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
#variable_conflict use_column
DECLARE
    present timestamptz := standin_private.clock_now();
    due text;
    given bigint;
BEGIN
    PERFORM standin_private.workflow_flush(); -- a token that a crash forgets would be given out twice
    -- Of each name in turn, so that a backlog of one keeps nobody else waiting.
    FOR due IN
        SELECT c.workflow_id
          FROM standin_private.workflow_claimable(names) wanted
         CROSS JOIN LATERAL (
               SELECT o.workflow_id, row_number() OVER () AS turn FROM (
                   -- What was claimed and whose lease has ended is older than what is new.
                   SELECT * FROM (
                       SELECT t.workflow_id FROM standin_private.workflow_task t
                        WHERE t.form = 'external' AND t.name = wanted.name AND t.available_at > '-infinity' AND t.available_at <= present
                          AND (wanted.granted OR t.submitter = ANY (wanted.roles))
                        ORDER BY t.available_at, t.seq LIMIT max_count FOR NO KEY UPDATE SKIP LOCKED) ended
                   UNION ALL
                   SELECT * FROM (
                       SELECT t.workflow_id FROM standin_private.workflow_task t
                        WHERE t.form = 'external' AND t.name = wanted.name AND t.available_at = '-infinity'
                          AND (wanted.granted OR t.submitter = ANY (wanted.roles))
                        ORDER BY t.available_at, t.seq LIMIT max_count FOR NO KEY UPDATE SKIP LOCKED) fresh) o) c
         ORDER BY c.turn, random() LIMIT max_count
    LOOP
        given := standin_private.workflow_lease(due, worker, standin_private.workflow_caller(), present + lease);
        IF given IS NOT NULL THEN
            RETURN QUERY SELECT r.workflow_id, r.name, r.version, given, r.input, present + lease
                           FROM standin_private.workflow_run r WHERE r.workflow_id = due;
        END IF;
    END LOOP;
    IF due IS NOT NULL THEN -- application workers of a copy would do again what those of the original do
        PERFORM standin_private.instance_require();
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_claim_now(text, text[], interval, integer) IS 'A claim that does not wait.';
CREATE OR REPLACE FUNCTION standin_private.workflow_claim_next(names text[], OUT ready boolean, OUT next_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    present timestamptz := standin_private.clock_now();
BEGIN
    PERFORM FROM standin_private.workflow_claimable(names) wanted
            CROSS JOIN LATERAL (
                SELECT FROM standin_private.workflow_task t
                 WHERE t.form = 'external' AND t.name = wanted.name AND t.available_at <= present
                   AND (wanted.granted OR t.submitter = ANY (wanted.roles))
                 ORDER BY t.available_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) c
            LIMIT 1;
    ready := FOUND;
    IF NOT ready THEN
        SELECT min(c.available_at) INTO next_at
          FROM standin_private.workflow_claimable(names) wanted
         CROSS JOIN LATERAL (
               SELECT t.available_at FROM standin_private.workflow_task t
                WHERE t.form = 'external' AND t.name = wanted.name AND (wanted.granted OR t.submitter = ANY (wanted.roles))
                ORDER BY t.available_at LIMIT 1) c;
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_claim_next(text[]) IS
    'Whether something can be claimed now (its row is then locked), and if not when the next lease or delay ends.';
COMMENT ON FUNCTION standin_private.workflow_claim_await(text[], interval) IS
    'Waits until there may be something to claim; false when the time is over.';
COMMENT ON FUNCTION standin.workflow_claim(text, text[], interval, integer, interval) IS
    'Claims up to max_count workflows that are due, each under a lease and a fencing token that only rises. Commit before you work on them. A lease that ends makes the workflow claimable again. With `wait` (at most a minute, the snapshot is held meanwhile) it waits for work.';
COMMENT ON PROCEDURE standin.workflow_claim_wait(text[], interval, boolean) IS
    'Waits, without a transaction or a snapshot, until there may be something to claim: then call standin.workflow_claim. Must be called outside a transaction block.';
COMMENT ON FUNCTION standin.step_record(text, bigint, text, jsonb, jsonb, integer) IS
    'Records a step of an external workflow in the caller''s transaction, so that its effect and the record commit together; returns its number. The name is unique within the workflow: a step that is already recorded is refused. With `seq` its place is checked too.';
CREATE OR REPLACE FUNCTION standin.step_result(id text, token bigint, name text, input jsonb DEFAULT NULL, seq integer DEFAULT NULL,
                                    OUT recorded boolean, OUT output jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    step standin_private.workflow_step;
    asked_hash bigint := standin_private.workflow_input_hash(input);
BEGIN
    IF id IS NULL OR token IS NULL OR name IS NULL THEN
        RAISE EXCEPTION 'workflow, token and name of a step must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = id AND t.form = 'external';
    IF NOT FOUND OR task.token <> token OR token <= 0 THEN
        RAISE EXCEPTION 'stale token % for workflow "%"', token, id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'The lease ended and another worker claimed it. Drop this work and claim again.';
    END IF;
    IF NOT pg_has_role(standin_private.workflow_caller(), task.claimed_by, 'USAGE') THEN
        RAISE EXCEPTION 'workflow "%" was claimed by another role', id USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO step FROM standin_private.workflow_step s
     WHERE s.workflow_id = id AND s.name = step_result.name AND s.external;
    IF FOUND AND (step.input_hash <> asked_hash OR step.seq <> coalesce(step_result.seq, step.seq)) THEN
        RAISE EXCEPTION 'workflow "%" does not repeat what it recorded', id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = format('Recorded: step %s "%s" with input %s. Now: step %s "%s" with input %s.', step.seq, step.name,
                                  to_hex(step.input_hash), coalesce(step_result.seq, step.seq), name, to_hex(asked_hash));
    END IF;
    recorded := step.seq IS NOT NULL;
    output := step.output;
END $$;
COMMENT ON FUNCTION standin.step_result(text, bigint, text, jsonb, integer) IS
    'Whether a step is recorded, and its output. Ask before doing a step: a recorded one must not be done again. An input (or place) that differs from the recorded one is an error. Errors: 55000 stale token or no open workflow, 42501 claimed by another role, 22004 null';
COMMENT ON FUNCTION standin.workflow_extend(text, bigint, interval) IS 'Prolongs a lease from now on and returns its new end.';
CREATE FUNCTION standin.workflow_release(id text, token bigint, delay interval DEFAULT '0') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF delay IS NULL OR delay < interval '0' OR delay > interval '10 years' THEN
        RAISE EXCEPTION 'delay must be between 0 and 10 years' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM standin_private.workflow_hold(id, token);
    UPDATE standin_private.workflow_task t
       SET available_at = CASE WHEN delay = interval '0' THEN '-infinity' ELSE standin_private.clock_now() + delay END, worker = NULL,
           suspended = true, token = t.token + 1, waiting = CASE WHEN delay > interval '0' THEN 'sleep' END
     WHERE t.workflow_id = id;
    PERFORM standin_private.wake('claim'), standin_private.workflow_flush();
END $$;
COMMENT ON FUNCTION standin.workflow_release(text, bigint, interval) IS
    'Gives a claimed workflow back, to be claimed again at once or after the delay, in the caller''s transaction; the token is worth nothing from then on. For a worker that shuts down, waits for something, or was told to try again later. It is no recovery. Errors: 55000 stale token, 22023 delay';
COMMENT ON FUNCTION standin_private.workflow_end(text, bigint, text, jsonb, jsonb) IS 'Ends an external workflow, once.';
COMMENT ON FUNCTION standin.workflow_complete(text, bigint, jsonb) IS
    'Ends an external workflow with its output, in the caller''s transaction. The same call again changes nothing.';
COMMENT ON FUNCTION standin.workflow_fail(text, bigint, text, jsonb) IS
    'Ends an external workflow as failed, in the caller''s transaction. The same call again changes nothing.';
CREATE TABLE standin_private.workflow_message (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id text NOT NULL,
    topic text NOT NULL,
    body jsonb NOT NULL,
    key text,
    sender name NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    received_by integer, -- the step
    UNIQUE (workflow_id, topic, sender, key)
);
COMMENT ON TABLE standin_private.workflow_message IS 'Messages to workflows, also to those that are not there yet; distributed by workflow_id';
CREATE INDEX workflow_message_open ON standin_private.workflow_message (workflow_id, topic, n) WHERE received_by IS NULL;
CREATE TABLE standin_private.workflow_event (
    workflow_id text NOT NULL,
    name text NOT NULL,
    n integer NOT NULL CHECK (n > 0),
    value jsonb NOT NULL,
    set_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (workflow_id, name, n)
);
CREATE INDEX workflow_event_label ON standin_private.workflow_event (('event ' || octet_length(name)::text || ' ' || name || ' of ' || workflow_id));
COMMENT ON TABLE standin_private.workflow_event IS 'What workflows tell of themselves, with what they told before; distributed by workflow_id';
CREATE TABLE standin_private.workflow_signal (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text,      -- all that wait for this
    workflow_id text, -- or this one
    CHECK ((source IS NULL) <> (workflow_id IS NULL))
);
COMMENT ON TABLE standin_private.workflow_signal IS 'What may have ended a wait, until the dispatcher has looked; kept whole';
CREATE TABLE standin_private.workflow_grant (
    name text NOT NULL,
    role name NOT NULL,
    privilege text NOT NULL CHECK (privilege IN ('claim', 'send')),
    granted_by name NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (name, role, privilege)
);
COMMENT ON TABLE standin_private.workflow_grant IS 'Who besides the role that started a workflow may work on it or send to it; kept whole';
CREATE FUNCTION standin_private.workflow_signal(source text, workflow_id text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO standin_private.workflow_signal (source, workflow_id) VALUES (workflow_signal.source, workflow_signal.workflow_id);
    PERFORM standin_private.workflow_dispatcher_wake();
END $$;
COMMENT ON FUNCTION standin_private.workflow_signal(text, text) IS 'Lets the dispatcher look, after this commit, whether a wait is over.';
CREATE FUNCTION standin_private.workflow_dispatcher_wake() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_dispatcher_wake';
COMMENT ON FUNCTION standin_private.workflow_dispatcher_wake() IS 'Wakes the dispatcher at the commit, or the supervisor, which starts it.';
CREATE FUNCTION standin_private.workflow_may(actor name, task_name text, submitter name, wanted text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting oid := to_regrole(quote_ident(actor))::oid;
BEGIN
    RETURN acting IS NOT NULL AND (coalesce(pg_has_role(acting, to_regrole(quote_ident(submitter)), 'USAGE'), false)
        OR EXISTS (SELECT FROM standin_private.workflow_grant g
                    WHERE g.name = task_name AND g.privilege = wanted
                      AND coalesce(pg_has_role(acting, to_regrole(quote_ident(g.role)), 'USAGE'), false)));
END $$;
COMMENT ON FUNCTION standin_private.workflow_may(name, text, name, text) IS
    'Whether a role may claim workflows of that name and submitter, or send to them, as things are now.';
CREATE FUNCTION standin_private.workflow_message_next(id text, topic text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    RETURN (SELECT m.n FROM standin_private.workflow_message m JOIN standin_private.workflow_run r USING (workflow_id)
             WHERE m.workflow_id = id AND m.topic = topic AND m.received_by IS NULL
               AND standin_private.workflow_may(m.sender, r.name, r.submitter, 'send')
             ORDER BY m.n LIMIT 1);
END $$;
COMMENT ON FUNCTION standin_private.workflow_message_next(text, text) IS
    'The oldest message of a topic that the workflow has not received, or null. One from a role that may not send to it is none: it may have been there before the workflow.';
CREATE FUNCTION standin_private.workflow_ready(id text) RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role name;
BEGIN
    UPDATE standin_private.workflow_task t SET available_at = '-infinity', waiting = NULL, waiting_for = NULL
     WHERE t.workflow_id = id AND t.form = 'database' AND t.waiting NOT IN ('paused', 'blocked')
    RETURNING t.submitter INTO role;
    RETURN role;
END $$;
COMMENT ON FUNCTION standin_private.workflow_ready(text) IS 'Ends a wait; the role whose executor goes on with the workflow, or null if it did not wait.';
CREATE FUNCTION standin_private.workflow_wait_is_over(task standin_private.workflow_task) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE task.waiting
        WHEN 'message' THEN standin_private.workflow_message_next(task.workflow_id, task.waiting_for) IS NOT NULL
        WHEN 'workflow' THEN NOT EXISTS (SELECT FROM standin_private.workflow_task o WHERE o.workflow_id = substr(task.waiting_for, 10))
        WHEN 'event' THEN EXISTS (SELECT FROM standin_private.workflow_event e
            WHERE 'event ' || octet_length(e.name)::text || ' ' || e.name || ' of ' || e.workflow_id = task.waiting_for)
        ELSE false END;
END $$;
COMMENT ON FUNCTION standin_private.workflow_wait_is_over(standin_private.workflow_task) IS 'Whether what a workflow waits for is there.';
CREATE FUNCTION standin_private.workflow_dispatch(max_count integer) RETURNS TABLE (role oid, moved bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
#variable_conflict use_column
DECLARE
    present timestamptz := standin_private.clock_now();
    readied name[] := '{}';
    one text;
    task standin_private.workflow_task;
BEGIN
    FOR one IN
        WITH signal AS (
            DELETE FROM standin_private.workflow_signal s
             WHERE s.n IN (SELECT l.n FROM standin_private.workflow_signal l ORDER BY l.n LIMIT max_count FOR UPDATE SKIP LOCKED)
            RETURNING s.source, s.workflow_id
        )
        SELECT t.workflow_id FROM (SELECT DISTINCT s.source FROM signal s WHERE s.source IS NOT NULL) s
          JOIN standin_private.workflow_task t ON t.waiting_for = s.source
        UNION
        SELECT s.workflow_id FROM signal s WHERE s.workflow_id IS NOT NULL
    LOOP
        SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = one FOR NO KEY UPDATE SKIP LOCKED;
        IF FOUND AND standin_private.workflow_wait_is_over(task) THEN
            readied := readied || standin_private.workflow_ready(one);
        ELSIF NOT FOUND AND EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.workflow_id = one AND t.waiting IS NOT NULL) THEN
            INSERT INTO standin_private.workflow_signal (workflow_id) VALUES (one);
        END IF;
    END LOOP;
    FOR one IN
        SELECT t.workflow_id FROM standin_private.workflow_task t
         WHERE t.waiting IS NOT NULL AND t.form = 'database' AND t.waiting NOT IN ('paused', 'blocked') AND t.available_at <= present
         ORDER BY t.available_at LIMIT max_count FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        readied := readied || standin_private.workflow_ready(one);
    END LOOP;
    RETURN QUERY SELECT to_regrole(quote_ident(r.name))::oid, count(*) FROM unnest(readied) r (name) WHERE r.name IS NOT NULL GROUP BY 1;
END $$;
COMMENT ON FUNCTION standin_private.workflow_dispatch(integer) IS
    'Makes ready what is due and whose wait is over, of each at most so many; the roles whose executors are to be woken.';
CREATE FUNCTION standin_private.workflow_dispatch_next(OUT signals boolean, OUT next_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    SELECT EXISTS (SELECT FROM standin_private.workflow_signal),
           (SELECT t.available_at FROM standin_private.workflow_task t
             WHERE t.waiting IS NOT NULL AND t.form = 'database' AND t.waiting NOT IN ('paused', 'blocked')
             ORDER BY t.available_at LIMIT 1)
      INTO signals, next_at;
END $$;
COMMENT ON FUNCTION standin_private.workflow_dispatch_next() IS 'Whether there is more to look at, and when the next wait ends.';
CREATE FUNCTION standin_private.workflow_dispatch_sweep() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.workflow_signal (workflow_id)
    SELECT t.workflow_id FROM standin_private.workflow_task t
     WHERE t.waiting = 'workflow' AND t.waiting_for IS NOT NULL
       AND NOT EXISTS (SELECT FROM standin_private.workflow_task o WHERE o.workflow_id = substr(t.waiting_for, 10))
$$;
COMMENT ON FUNCTION standin_private.workflow_dispatch_sweep() IS 'Finds waits for workflows that have ended.';
CREATE FUNCTION standin_private.workflow_suspend(id text, token bigint, waiting text, waiting_for text, until timestamptz,
                                                 wait_seq integer, error jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE standin_private.workflow_task t
       SET available_at = coalesce(until, 'infinity'), waiting = waiting, waiting_for = waiting_for, wait_seq = wait_seq,
           wait_until = CASE WHEN wait_seq IS NOT NULL THEN until END, worker = NULL, suspended = true,
           last_error = coalesce(error, t.last_error)
     WHERE t.workflow_id = id AND t.token = token AND t.form = 'database' AND t.control IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF waiting IN ('message', 'event', 'workflow') THEN
        PERFORM standin_private.workflow_signal(NULL, id);
    ELSE
        PERFORM standin_private.workflow_dispatcher_wake();
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION standin_private.workflow_suspend(text, bigint, text, text, timestamptz, integer, jsonb) IS
    'Takes a workflow from its executor until something ends its wait; false if that executor does not have it any more.';
CREATE PROCEDURE standin.sleep(name text, duration interval)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_sleep';
COMMENT ON PROCEDURE standin.sleep(text, interval) IS
    'In a workflow''s procedure: goes on after that time. Meanwhile the workflow holds no worker, connection, transaction or memory; a crash does not prolong it.';
CREATE PROCEDURE standin.sleep_until(name text, until timestamptz)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_sleep_until';
COMMENT ON PROCEDURE standin.sleep_until(text, timestamptz) IS
    'In a workflow''s procedure: goes on at that time, as it was given when the workflow came here first.';
CREATE PROCEDURE standin.recv(topic text, timeout interval, INOUT message jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_recv';
COMMENT ON PROCEDURE standin.recv(text, interval, jsonb) IS
    'In a workflow''s procedure: the oldest message of the topic that it has not received, once there is one, or null when the time is over (a timeout of null: never). Receiving and its record are one commit. While it waits the workflow holds no worker.';
CREATE PROCEDURE standin.await_workflow(id text, INOUT result jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_await_workflow';
COMMENT ON PROCEDURE standin.await_workflow(text, jsonb) IS
    'In a workflow''s procedure: waits, holding no worker, until another workflow has ended: {"status": ..., "output": ..., "error": ...}. Errors: P0002 there is none that this role may see';
CREATE PROCEDURE standin.event_set(name text, value jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_event_set';
COMMENT ON PROCEDURE standin.event_set(text, jsonb) IS
    'In a workflow''s procedure: tells the world, as a step. standin.event_get reads it; the values before are kept.';
CREATE PROCEDURE standin.await_event(id text, name text, timeout interval, INOUT value jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_await_event';
COMMENT ON PROCEDURE standin.await_event(text, text, interval, jsonb) IS
    'In a workflow''s procedure: the newest value of another workflow''s event, once it is set, or null when the time is over. While it waits the workflow holds no worker.';
CREATE PROCEDURE standin.value(name text, kind text, INOUT value jsonb)
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_value';
COMMENT ON PROCEDURE standin.value(text, text, jsonb) IS
    'In a workflow''s procedure: what is not the same on each run, recorded as a step: kind now, random (0 to 1), uuid, or the name of a sequence, of which it takes the next number.';
CREATE FUNCTION standin.message_send(workflow_id text, topic text, body jsonb, key text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    sender name := pg_get_userbyid(standin_private.workflow_caller());
    receiver record;
    sent boolean;
BEGIN
    IF workflow_id IS NULL OR body IS NULL OR coalesce(length(topic), 0) NOT BETWEEN 1 AND 200 OR length(workflow_id) NOT BETWEEN 1 AND 500 THEN
        RAISE EXCEPTION 'a message needs a workflow, a topic of 1 to 200 characters, and a body'
            USING ERRCODE = CASE WHEN workflow_id IS NULL OR body IS NULL OR topic IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END;
    END IF;
    SELECT r.name, r.submitter, r.status INTO receiver FROM standin_private.workflow_run r WHERE r.workflow_id = workflow_id;
    IF FOUND AND NOT standin_private.workflow_may(sender, receiver.name, receiver.submitter, 'send') THEN
        RAISE EXCEPTION 'permission denied to send to workflow "%"', workflow_id USING ERRCODE = 'insufficient_privilege',
            HINT = format('SELECT standin.workflow_grant(%L, %L, ''send'');', receiver.name, sender);
    END IF;
    IF receiver.status <> 'open' THEN
        RAISE EXCEPTION 'workflow "%" is %', workflow_id, receiver.status USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    INSERT INTO standin_private.workflow_message (workflow_id, topic, body, key, sender)
    VALUES (workflow_id, topic, body, key, sender) ON CONFLICT DO NOTHING;
    sent := FOUND;
    IF NOT sent AND NOT EXISTS (SELECT FROM standin_private.workflow_message m
            WHERE m.workflow_id = workflow_id AND m.topic = topic AND m.key = key AND m.body = body AND m.sender = sender) THEN
        RAISE EXCEPTION 'key "%" was used for another message to workflow "%"', key, workflow_id USING ERRCODE = 'unique_violation';
    END IF;
    IF sent THEN
        PERFORM standin_private.workflow_signal(NULL, workflow_id);
    END IF;
    PERFORM standin_private.workflow_flush();
    RETURN sent;
END $$;
COMMENT ON FUNCTION standin.message_send(text, text, jsonb, text) IS
    'Sends a message to a workflow, in the caller''s transaction; the workflow may be started later. The same key again sends nothing and returns false. A workflow receives messages of its own role, of its members, and of roles that were granted "send". Errors: 42501 no right, 55000 the workflow has ended, 23505 the key was used for another message';
CREATE FUNCTION standin.event_get(workflow_id text, name text, OUT value jsonb, OUT n integer, OUT set_at timestamptz)
RETURNS record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF workflow_id IS NULL OR name IS NULL THEN
        RAISE EXCEPTION 'workflow and name of an event must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM standin_private.workflow_visible(workflow_id, standin_private.workflow_caller());
    SELECT e.value, e.n, e.set_at INTO value, n, set_at FROM standin_private.workflow_event e
     WHERE e.workflow_id = workflow_id AND e.name = name ORDER BY e.n DESC LIMIT 1;
END $$;
COMMENT ON FUNCTION standin.event_get(text, text) IS
    'The newest value of a workflow''s event, how many there were, and since when; nulls if it was not set. standin.workflow_events has all. Errors: P0002 no workflow that the caller may see';
CREATE FUNCTION standin_private.workflow_visible(id text, reader oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM standin_private.workflow_run r
      WHERE r.workflow_id = id
        AND (pg_has_role(reader, to_regrole(quote_ident(r.submitter)), 'USAGE') OR pg_has_role(reader, 'standin_operator', 'USAGE')
             OR pg_has_role(reader, 'standin_auditor', 'USAGE'));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" does not exist', id USING ERRCODE = 'no_data_found', HINT = 'It may also belong to another role.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_visible(text, oid) IS 'Refuses whoever may not know of a workflow as if there were none.';
CREATE FUNCTION standin_private.workflow_outcome(id text, reader oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.workflow_visible(id, reader);
    RETURN (SELECT jsonb_strip_nulls(jsonb_build_object('status', r.status, 'output', r.output, 'error', r.error))
              FROM standin_private.workflow_run r WHERE r.workflow_id = id AND r.status <> 'open');
END $$;
COMMENT ON FUNCTION standin_private.workflow_outcome(text, oid) IS 'How a workflow ended, or null while it is open.';
CREATE FUNCTION standin_private.workflow_receive(id text, topic text, seq integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    received jsonb;
BEGIN
    UPDATE standin_private.workflow_message m SET received_by = seq
     WHERE m.n = standin_private.workflow_message_next(id, topic) RETURNING m.body INTO received;
    RETURN received;
END $$;
COMMENT ON FUNCTION standin_private.workflow_receive(text, text, integer) IS 'Receives the next message of a topic; null if there is none.';
CREATE FUNCTION standin_private.workflow_event_value(id text, name text, reader oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM standin_private.workflow_visible(id, reader);
    RETURN (SELECT e.value FROM standin_private.workflow_event e WHERE e.workflow_id = id AND e.name = name ORDER BY e.n DESC LIMIT 1);
END $$;
COMMENT ON FUNCTION standin_private.workflow_event_value(text, text, oid) IS 'The newest value of an event, or null.';
CREATE FUNCTION standin_private.workflow_event_add(id text, name text, value jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO standin_private.workflow_event (workflow_id, name, n, value)
    SELECT id, name, coalesce(max(e.n), 0) + 1, value FROM standin_private.workflow_event e WHERE e.workflow_id = id AND e.name = name;
    PERFORM standin_private.workflow_signal('event ' || octet_length(name)::text || ' ' || name || ' of ' || id, NULL);
    PERFORM standin_private.wake('ticket');
END $$;
COMMENT ON FUNCTION standin_private.workflow_event_add(text, text, jsonb) IS 'Sets an event of a workflow.';
CREATE FUNCTION standin.workflow_grant(name text, role name, privilege text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM standin_private.argument_require('name', name), standin_private.argument_require('role', role::text),
            standin_private.argument_require('privilege', privilege);
    IF to_regrole(quote_ident(role)) IS NULL THEN
        RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT EXISTS (SELECT FROM standin_private.workflow_definition d WHERE d.name = name) THEN
        RAISE EXCEPTION 'workflow "%" is not defined', name USING ERRCODE = 'undefined_object', HINT = 'See standin.workflow_define.';
    END IF;
    IF privilege NOT IN ('claim', 'send') THEN
        RAISE EXCEPTION 'privilege must be claim or send' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO standin_private.workflow_grant VALUES (name, role, privilege, standin_private.caller()) ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION standin.workflow_grant(text, name, text) IS
    'Lets a role and its members work on a workflow''s external runs that others have started ("claim"), or send messages to its runs ("send"). Errors: 42704 unknown workflow or role, 22023 another privilege';
CREATE FUNCTION standin.workflow_revoke(name text, role name, privilege text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM standin_private.argument_require('name', name), standin_private.argument_require('role', role::text),
            standin_private.argument_require('privilege', privilege), standin_private.caller();
    DELETE FROM standin_private.workflow_grant g WHERE g.name = name AND g.role = role AND g.privilege = privilege;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role "%" has no such grant on workflow "%"', role, name USING ERRCODE = 'undefined_object';
    END IF;
END $$;
COMMENT ON FUNCTION standin.workflow_revoke(text, name, text) IS 'Takes a grant back; it has effect from the next claim or message on. Errors: 42704 there is none';
CREATE FUNCTION standin_private.workflow_control(id text) RETURNS standin_private.workflow_task
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting oid := standin_private.workflow_caller();
    task standin_private.workflow_task;
    state text;
BEGIN
    IF id IS NULL THEN
        RAISE EXCEPTION 'id of a workflow must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM standin_private.workflow_visible(id, acting);
    SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        SELECT r.status INTO state FROM standin_private.workflow_run r WHERE r.workflow_id = id;
        RAISE EXCEPTION 'workflow "%" is already %', id, state USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NOT coalesce(pg_has_role(acting, to_regrole(quote_ident(task.submitter)), 'USAGE'), false)
       AND NOT pg_has_role(acting, 'standin_operator', 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for workflow "%"', id USING ERRCODE = 'insufficient_privilege',
            HINT = 'Whoever started it, or a member of standin_operator, may do that.';
    END IF;
    RETURN task;
END $$;
COMMENT ON FUNCTION standin_private.workflow_control(text) IS
    'Locks an open workflow''s task for its submitter or an operator, or refuses.';
CREATE FUNCTION standin_private.workflow_is_taken(task standin_private.workflow_task) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN task.token > 0 AND task.waiting IS NULL AND task.worker IS NOT NULL AND task.available_at > standin_private.clock_now();
COMMENT ON FUNCTION standin_private.workflow_is_taken(standin_private.workflow_task) IS 'Whether a worker has the workflow at this moment.';
CREATE FUNCTION standin_private.workflow_require_no_ending(task standin_private.workflow_task) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF task.ending IS NOT NULL THEN
        RAISE EXCEPTION 'workflow "%" is being compensated', task.workflow_id USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = format('It will be %s.', task.ending->>'status');
    ELSIF task.control->>'action' = 'cancel' THEN
        RAISE EXCEPTION 'workflow "%" is being cancelled', task.workflow_id USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_require_no_ending(standin_private.workflow_task) IS 'Refuses what would meet a cancel or a compensation under way.';
CREATE FUNCTION standin_private.workflow_awaken(id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
BEGIN
    UPDATE standin_private.workflow_task t
       SET available_at = '-infinity', waiting = NULL, waiting_for = NULL, suspended = true, control = NULL
     WHERE t.workflow_id = id RETURNING * INTO task;
    IF task.form = 'database' THEN
        PERFORM standin_private.workflow_role_wake(task.submitter);
    ELSE
        PERFORM standin_private.wake('claim');
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_awaken(text) IS 'Lets a workflow that has no worker go on now.';
CREATE FUNCTION standin_private.workflow_role_wake(role name) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_workflow_role_wake';
COMMENT ON FUNCTION standin_private.workflow_role_wake(name) IS 'Wakes the role''s executor at the commit, or the supervisor, which starts it.';
CREATE FUNCTION standin_private.workflow_cancel_task(task standin_private.workflow_task, because jsonb, "cascade" boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id text := task.workflow_id;
BEGIN
    IF standin_private.workflow_is_taken(task) AND task.form = 'database' THEN
        UPDATE standin_private.workflow_task t SET control = jsonb_build_object('action', 'cancel', 'error', because) WHERE t.workflow_id = id;
    ELSIF EXISTS (SELECT FROM standin_private.workflow_compensation c WHERE c.workflow_id = id AND c.done_at IS NULL) THEN
        UPDATE standin_private.workflow_task t SET ending = jsonb_build_object('status', 'cancelled', 'error', because) WHERE t.workflow_id = id;
        PERFORM standin_private.workflow_awaken(id);
    ELSE
        PERFORM standin_private.workflow_finish(id, task.token, 'cancelled', NULL, because);
    END IF;
    IF "cascade" THEN
        PERFORM standin_private.workflow_cancel_children(id, because);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_cancel_task(standin_private.workflow_task, jsonb, boolean) IS
    'Cancels a workflow whose task is locked and whose compensation has not begun.';
CREATE FUNCTION standin_private.workflow_cancel_children(id text, because jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text;
    task standin_private.workflow_task;
BEGIN
    FOR child IN
        SELECT r.workflow_id FROM standin_private.workflow_run r JOIN standin_private.workflow_run p ON p.workflow_id = id
         WHERE r.parent = id AND r.status = 'open'
           AND coalesce(pg_has_role(to_regrole(quote_ident(p.submitter)), to_regrole(quote_ident(r.submitter)), 'USAGE'), false) ORDER BY 1
    LOOP
        SELECT * INTO task FROM standin_private.workflow_task t WHERE t.workflow_id = child FOR NO KEY UPDATE;
        IF FOUND AND task.ending IS NULL AND coalesce(task.control->>'action' <> 'cancel', true) THEN
            PERFORM standin_private.workflow_cancel_task(task, because, true);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.workflow_cancel_children(text, jsonb) IS
    'Cancels what a workflow has started and what is still open of that, as far as its role could.';
CREATE FUNCTION standin.workflow_cancel(id text, reason text, "cascade" boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    actor name := pg_get_userbyid(standin_private.workflow_caller());
BEGIN
    PERFORM standin_private.argument_require('reason', reason);
    task := standin_private.workflow_control(id);
    PERFORM standin_private.workflow_require_no_ending(task);
    PERFORM standin_private.workflow_cancel_task(
        task, jsonb_build_object('sqlstate', '57014', 'message', 'cancelled: ' || reason, 'cancelled_by', actor), coalesce("cascade", true));
END $$;
COMMENT ON FUNCTION standin.workflow_cancel(text, text, boolean) IS
    'Ends a workflow as cancelled: one that waits, sleeps or is not begun at once, one that runs in the database at its next step (the step under way is not recorded, nor its effect kept). An application worker''s next write is refused. Its compensations run first. cascade: what it started, too. By its role or an operator. Errors: P0002 no such workflow, 42501 no right, 55000 it has ended, 22004 no reason';
CREATE FUNCTION standin.workflow_pause(id text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    actor name := pg_get_userbyid(standin_private.workflow_caller());
    because jsonb;
BEGIN
    PERFORM standin_private.argument_require('reason', reason);
    task := standin_private.workflow_control(id);
    IF task.form = 'external' AND standin_private.workflow_is_taken(task) THEN
        RAISE EXCEPTION 'workflow "%" is with a worker', id USING ERRCODE = 'object_in_use',
            HINT = 'Pause it when its lease has ended, or cancel it.';
    END IF;
    PERFORM standin_private.workflow_require_no_ending(task);
    IF task.waiting = 'paused' THEN
        RETURN;
    END IF;
    because := jsonb_build_object('message', 'paused: ' || reason, 'paused_by', actor);
    IF standin_private.workflow_is_taken(task) THEN
        UPDATE standin_private.workflow_task t SET last_error = because, control = jsonb_build_object('action', 'pause') WHERE t.workflow_id = id;
    ELSE -- what it waited for it goes on to wait for; a worker whose lease has ended is too late
        UPDATE standin_private.workflow_task t
           SET last_error = because, waiting = 'paused', available_at = 'infinity', worker = NULL, suspended = true,
               token = t.token + CASE WHEN t.form = 'external' AND t.token > 0 THEN 1 ELSE 0 END,
               control = CASE WHEN t.waiting IS NOT NULL THEN
                   jsonb_build_object('action', 'paused', 'waiting', t.waiting, 'available_at', t.available_at) END
         WHERE t.workflow_id = id;
    END IF;
END $$;
COMMENT ON FUNCTION standin.workflow_pause(text, text) IS
    'Stops a workflow before its next step, until standin.workflow_resume. Errors: P0002 no such workflow, 42501 no right, 55000 it has ended, 55006 an application worker has it, 22004 no reason';
CREATE FUNCTION standin.workflow_resume(id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
BEGIN
    task := standin_private.workflow_control(id);
    IF task.control->>'action' = 'pause' THEN
        UPDATE standin_private.workflow_task t SET control = NULL WHERE t.workflow_id = id;
    ELSIF task.control->>'action' = 'paused' THEN
        UPDATE standin_private.workflow_task t
           SET waiting = task.control->>'waiting', available_at = (task.control->>'available_at')::timestamptz, control = NULL
         WHERE t.workflow_id = id;
        PERFORM standin_private.workflow_signal(NULL, id), standin_private.wake('claim');
    ELSIF task.waiting = 'paused' THEN
        PERFORM standin_private.workflow_awaken(id);
    ELSE
        RAISE EXCEPTION 'workflow "%" is not paused', id USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END $$;
COMMENT ON FUNCTION standin.workflow_resume(text) IS 'Lets a paused workflow go on. Errors: P0002 no such workflow, 42501 no right, 55000 it is not paused';
CREATE FUNCTION standin.workflow_retry(id text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
BEGIN
    task := standin_private.workflow_control(id);
    IF task.waiting IS NULL OR task.waiting NOT IN ('blocked', 'retry') THEN
        RAISE EXCEPTION 'workflow "%" is not blocked', id USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM standin_private.workflow_awaken(id);
END $$;
COMMENT ON FUNCTION standin.workflow_retry(text) IS
    'Lets a blocked workflow try again, once what blocked it is mended, or one that waits for its next attempt try now. Errors: P0002 no such workflow, 42501 no right, 55000 it is not blocked';
CREATE FUNCTION standin.workflow_migrate(id text, version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task standin_private.workflow_task;
    now_on integer;
BEGIN
    PERFORM standin_private.argument_require('version', version::text);
    task := standin_private.workflow_control(id);
    IF standin_private.workflow_is_taken(task) THEN
        RAISE EXCEPTION 'workflow "%" is with a worker', id USING ERRCODE = 'object_in_use', HINT = 'Pause it first.';
    END IF;
    SELECT d.version INTO now_on FROM standin_private.workflow_definition d
     WHERE d.name = task.name AND d.version = workflow_migrate.version AND (d.procedure IS NULL) = (task.form = 'external');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow "%" has no version % of that form', task.name, version USING ERRCODE = 'undefined_object';
    END IF;
    UPDATE standin_private.workflow_run r SET version = now_on WHERE r.workflow_id = id;
    IF task.waiting = 'blocked' THEN
        PERFORM standin_private.workflow_awaken(id);
    END IF;
END $$;
COMMENT ON FUNCTION standin.workflow_migrate(text, integer) IS
    'Lets an open workflow go on with another version''s procedure, from its step log: what it has recorded that version must repeat, or it is blocked. A blocked one tries again. Errors: P0002 no such workflow, 42501 no right, 42704 no such version, 55006 a worker has it';
CREATE FUNCTION standin.workflow_fork(id text, from_step integer, new_id text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    acting oid := standin_private.workflow_caller();
    run standin_private.workflow_run;
    fork text := coalesce(workflow_fork.new_id, gen_random_uuid()::text);
BEGIN
    IF workflow_fork.id IS NULL OR workflow_fork.from_step IS NULL THEN
        RAISE EXCEPTION 'workflow and step must not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM standin_private.workflow_visible(workflow_fork.id, acting);
    SELECT * INTO run FROM standin_private.workflow_run r WHERE r.workflow_id = workflow_fork.id;
    IF NOT coalesce(pg_has_role(acting, to_regrole(quote_ident(run.submitter)), 'USAGE'), false) THEN
        RAISE EXCEPTION 'permission denied for workflow "%"', workflow_fork.id USING ERRCODE = 'insufficient_privilege',
            HINT = 'A fork runs as the role that started the workflow: SET ROLE to it.';
    END IF;
    IF from_step < 1 OR from_step > 1 + (SELECT coalesce(max(s.seq), 0) FROM standin_private.workflow_step s WHERE s.workflow_id = workflow_fork.id) THEN
        RAISE EXCEPTION 'workflow "%" has no step %', workflow_fork.id, from_step USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM standin_private.workflow_compensation c
                WHERE c.workflow_id = workflow_fork.id AND c.seq < from_step AND c.done_at IS NOT NULL)
       OR EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.workflow_id = workflow_fork.id AND t.ending IS NOT NULL) THEN
        RAISE EXCEPTION 'steps before step % of workflow "%" were undone', from_step, workflow_fork.id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Fork from the first step that was undone, or from an earlier one.';
    END IF;
    IF EXISTS (SELECT FROM standin_private.workflow_run r WHERE r.workflow_id = fork) THEN
        RAISE EXCEPTION 'workflow "%" was already started', fork USING ERRCODE = 'unique_violation';
    END IF;
    INSERT INTO standin_private.workflow_run (workflow_id, name, version, submitter, input) VALUES (fork, run.name, run.version, run.submitter, run.input);
    INSERT INTO standin_private.workflow_step (workflow_id, seq, name, external, input_hash, output, started_at, recorded_at, kind)
    SELECT fork, s.seq, s.name, s.external, s.input_hash, s.output, s.started_at, s.recorded_at, s.kind
      FROM standin_private.workflow_step s WHERE s.workflow_id = workflow_fork.id AND s.seq < from_step;
    INSERT INTO standin_private.workflow_task (workflow_id, name, form, submitter)
    SELECT fork, run.name, CASE WHEN d.procedure IS NULL THEN 'external' ELSE 'database' END, run.submitter
      FROM standin_private.workflow_definition d WHERE d.name = run.name AND d.version = run.version;
    PERFORM standin_private.instance_require();
    PERFORM standin_private.workflow_awaken(fork), standin_private.workflow_flush();
    INSERT INTO standin_private.workflow_role (role) SELECT run.submitter WHERE EXISTS (
        SELECT FROM standin_private.workflow_task t WHERE t.workflow_id = fork AND t.form = 'database') ON CONFLICT DO NOTHING;
    RETURN fork;
END $$;
COMMENT ON FUNCTION standin.workflow_fork(text, integer, text) IS
    'Starts a new workflow that has what another one recorded before a step, and does that step and all after it itself. What the other one did stays done: if the fork does not complete, only its own steps are undone. Returns the new id. By its role. Errors: P0002 no such workflow, 42501 no right, 22023 no such step, 55000 steps before it were undone, 23505 the new id is taken';
CREATE FUNCTION standin.workflow_reassign(role name, to_role name) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moved bigint;
BEGIN
    PERFORM standin_private.argument_require('role', workflow_reassign.role::text),
            standin_private.argument_require('to_role', workflow_reassign.to_role::text), standin_private.caller();
    IF to_regrole(quote_ident(workflow_reassign.role)) IS NOT NULL THEN
        RAISE EXCEPTION 'role "%" exists', workflow_reassign.role USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Only workflows of a role that was dropped are reassigned: what a role has started runs with that role''s rights.';
    END IF;
    IF NOT pg_has_role(standin_private.workflow_caller(), workflow_reassign.to_role, 'USAGE') THEN
        RAISE EXCEPTION 'must be a member of role "%"', workflow_reassign.to_role USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- What an executor of the dropped role had is taken from it; what waits goes on to wait.
    UPDATE standin_private.workflow_task t
       SET submitter = workflow_reassign.to_role,
           token = t.token + CASE WHEN t.form = 'database' AND t.waiting IS NULL AND t.available_at = 'infinity' THEN 1 ELSE 0 END,
           worker = CASE WHEN t.form = 'database' AND t.waiting IS NULL THEN NULL ELSE t.worker END,
           available_at = CASE WHEN t.form = 'database' AND t.waiting IS NULL THEN '-infinity' ELSE t.available_at END
     WHERE t.submitter = workflow_reassign.role;
    GET DIAGNOSTICS moved = ROW_COUNT;
    UPDATE standin_private.workflow_run r SET submitter = workflow_reassign.to_role
     WHERE r.submitter = workflow_reassign.role AND r.status = 'open';
    INSERT INTO standin_private.workflow_role (role) SELECT workflow_reassign.to_role WHERE moved > 0 ON CONFLICT DO NOTHING;
    DELETE FROM standin_private.workflow_role w WHERE w.role = workflow_reassign.role;
    UPDATE standin_private.schedule h SET role = workflow_reassign.to_role WHERE h.role = workflow_reassign.role;
    PERFORM standin_private.workflow_role_wake(workflow_reassign.to_role);
    RETURN moved;
END $$;
COMMENT ON FUNCTION standin.workflow_reassign(name, name) IS
    'Gives the open workflows and the schedules of a role that does not exist any more to another one, of which the caller must be a member; returns how many. Errors: 55000 the role exists, 42501 not a member, 42704 no such role';
CREATE FUNCTION standin_private.workflow_status(status text, token bigint, worker text, waiting text, ending boolean, submitter name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN status <> 'open' THEN status
            WHEN to_regrole(quote_ident(submitter)) IS NULL THEN 'orphaned'
            WHEN waiting IN ('paused', 'blocked') THEN waiting
            WHEN waiting = 'start' THEN 'scheduled'
            WHEN waiting IN ('sleep', 'retry') THEN 'sleeping'
            WHEN waiting IS NOT NULL THEN 'waiting'
            WHEN ending THEN 'compensating'
            WHEN worker IS NOT NULL THEN 'running'
            ELSE 'pending' END;
COMMENT ON FUNCTION standin_private.workflow_status(text, bigint, text, text, boolean, name) IS 'What a workflow does, as it is at this moment.';
CREATE OR REPLACE VIEW standin.workflows WITH (security_barrier) AS
SELECT r.workflow_id, r.name, r.version, d.procedure, to_regrole(quote_ident(r.submitter)) AS submitter,
       standin_private.workflow_status(r.status, t.token, t.worker, t.waiting, t.ending IS NOT NULL, r.submitter) COLLATE "default" AS status,
       r.input, r.output, coalesce(r.error, t.last_error) AS error,
       coalesce(r.token, t.token) AS token, t.worker,
       CASE WHEN t.token > 0 AND t.form = 'external' THEN t.available_at END AS lease_until,
       t.stalls AS recoveries_without_progress, r.created_at, t.claimed_at, r.finished_at,
       r.submitter AS submitter_name, r.parent, coalesce(t.waiting_for, t.waiting) AS waiting_for,
       CASE WHEN t.waiting IS NOT NULL AND t.available_at < 'infinity' THEN t.available_at END AS wakes_at
  FROM standin_private.workflow_run r
  JOIN standin_private.workflow_definition d USING (name, version)
  LEFT JOIN standin_private.workflow_task t USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'));
COMMENT ON VIEW standin.workflows IS
    'Every workflow that the reader started; operators and auditors see all. Distributed by workflow_id.';
COMMENT ON COLUMN standin.workflows.status IS 'pending; scheduled (not before its start); running; sleeping (also before the next attempt of a step); waiting (for a message, an event, another workflow); paused; blocked (see error; standin.workflow_retry lets it try again); compensating; orphaned (its role was dropped, see standin.workflow_reassign); completed, failed, dead, cancelled';
COMMENT ON COLUMN standin.workflows.error IS 'how it ended; of one that is open, what went wrong last';
COMMENT ON COLUMN standin.workflows.wakes_at IS 'when a wait ends at the latest; null: only what it waits for ends it';
COMMENT ON COLUMN standin.workflows.submitter IS 'null if the role does not exist any more, see submitter_name';
CREATE OR REPLACE VIEW standin.workflow_steps WITH (security_barrier) AS
SELECT s.workflow_id, s.seq, s.name, 'recorded' AS status, s.output, NULL::jsonb AS error,
       1 + (SELECT count(*) FROM standin_private.workflow_attempt a WHERE a.workflow_id = s.workflow_id AND a.seq = s.seq)
           AS attempts,
       s.started_at, s.recorded_at, s.kind
  FROM standin_private.workflow_step s JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'))
UNION ALL
SELECT a.workflow_id, a.seq, a.name, 'failed', NULL, a.error, a.attempt, NULL, a.failed_at, 'step'
  FROM standin_private.workflow_attempt a JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE NOT EXISTS (SELECT FROM standin_private.workflow_step s WHERE s.workflow_id = a.workflow_id AND s.seq = a.seq)
   AND NOT EXISTS (SELECT FROM standin_private.workflow_attempt later
                    WHERE later.workflow_id = a.workflow_id AND later.seq = a.seq AND later.attempt > a.attempt)
   AND (pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
        OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE')));
COMMENT ON VIEW standin.workflow_steps IS
    'The steps of the workflows that the reader may see: recorded ones, and those whose last attempt failed. Distributed by workflow_id.';
CREATE VIEW standin.workflow_messages WITH (security_barrier) AS
SELECT m.n, m.workflow_id, m.topic, m.body, m.key, m.sender, m.sent_at, m.received_by AS received_by_step
  FROM standin_private.workflow_message m LEFT JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(coalesce(r.submitter, m.sender))), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'));
COMMENT ON VIEW standin.workflow_messages IS 'Messages to workflows that the reader may see, and to none yet, if the reader sent them.';
CREATE VIEW standin.workflow_events WITH (security_barrier) AS
SELECT e.workflow_id, e.name, e.n, e.value, e.set_at
  FROM standin_private.workflow_event e JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'));
COMMENT ON VIEW standin.workflow_events IS 'What workflows have told of themselves, with its history.';
CREATE VIEW standin.workflow_grants AS
SELECT g.name, g.role, g.privilege, g.granted_by, g.granted_at FROM standin_private.workflow_grant g;
COMMENT ON VIEW standin.workflow_grants IS 'Who besides the role that started a workflow may work on it or send to it.';
CREATE OR REPLACE VIEW standin_private.workflow_workers AS
SELECT 'executor'::text AS kind, w.role::text AS key, coalesce(a.oid, 0::oid) AS role, false AS outward
  FROM standin_private.workflow_role w LEFT JOIN pg_catalog.pg_roles a ON a.rolname = w.role
 WHERE EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.form = 'database' AND t.submitter = w.role AND t.waiting IS NULL)
UNION ALL
SELECT 'dispatcher', '', NULL, false
 WHERE EXISTS (SELECT FROM standin_private.workflow_signal)
    OR EXISTS (SELECT FROM standin_private.workflow_task t
                WHERE t.waiting IS NOT NULL AND t.form = 'database' AND t.waiting NOT IN ('paused', 'blocked'));
COMMENT ON VIEW standin_private.workflow_workers IS 'One executor for each role that has an in-database workflow that could run, role 0 if it was dropped, one that runs stays until it was idle for a while; one dispatcher while anything waits.';
GRANT EXECUTE ON FUNCTION standin.workflow_define(text, regprocedure, integer, integer) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.workflow_start(text, text, jsonb, timestamptz) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_result(text, interval) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON PROCEDURE standin.workflow_wait(text, interval, text, jsonb, jsonb) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON PROCEDURE standin.step(text, text, jsonb, jsonb, integer, interval, interval, text[], interval, text, text) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_current() TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_key() TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_claim(text, text[], interval, integer, interval) TO standin_app;
GRANT EXECUTE ON PROCEDURE standin.workflow_claim_wait(text[], interval, boolean) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_record(text, bigint, text, jsonb, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_result(text, bigint, text, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_extend(text, bigint, interval) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_complete(text, bigint, jsonb) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_fail(text, bigint, text, jsonb) TO standin_app;
GRANT EXECUTE ON PROCEDURE standin.sleep(text, interval), standin.sleep_until(text, timestamptz), standin.recv(text, interval, jsonb),
    standin.await_workflow(text, jsonb), standin.event_set(text, jsonb), standin.await_event(text, text, interval, jsonb),
    standin.value(text, text, jsonb) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_release(text, bigint, interval), standin.message_send(text, text, jsonb, text),
    standin.workflow_fork(text, integer, text) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.event_get(text, text) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON FUNCTION standin.workflow_cancel(text, text, boolean), standin.workflow_pause(text, text), standin.workflow_resume(text),
    standin.workflow_retry(text), standin.workflow_migrate(text, integer) TO standin_app, standin_operator;
GRANT EXECUTE ON FUNCTION standin.workflow_grant(text, name, text), standin.workflow_revoke(text, name, text),
    standin.workflow_reassign(name, name) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.workflow_status(text, bigint, text, text, boolean, name) TO standin_app, standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.workflows, standin.workflow_steps, standin.workflow_messages, standin.workflow_events TO standin_app, standin_operator, standin_auditor;
GRANT SELECT ON standin.workflow_grants TO standin_app, standin_admin, standin_operator, standin_auditor;
CREATE TABLE standin_private.schedule (
    schedule text PRIMARY KEY CHECK (length(schedule) BETWEEN 1 AND 200),
    workflow text NOT NULL,
    cron text NOT NULL,
    input jsonb,
    time_zone text NOT NULL,
    jitter interval NOT NULL CHECK (jitter BETWEEN '0' AND '24 hours'),
    overlap text NOT NULL CHECK (overlap IN ('allow', 'skip', 'buffer_one')),
    backfill text NOT NULL CHECK (backfill IN ('none', 'last', 'all')),
    backfill_window interval NOT NULL CHECK (backfill_window >= '0'),
    starts_at timestamptz,
    ends_at timestamptz,
    role name NOT NULL, -- a name, as the submitter of a workflow
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    -- Every tick up to it was started, missed or skipped, or is the buffered one.
    decided_until timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    buffered_tick timestamptz,
    next_tick timestamptz,
    due_at timestamptz, -- when the scheduler has something to decide; null: never, or paused
    paused_at timestamptz,
    paused_by name,
    paused_reason text,
    last_tick timestamptz,
    last_started_at timestamptz,
    last_workflow text,
    started bigint NOT NULL DEFAULT 0 CHECK (started >= 0),
    missed bigint NOT NULL DEFAULT 0 CHECK (missed >= 0),
    skipped bigint NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    error_sqlstate text,
    error_message text,
    error_at timestamptz,
    CHECK (isfinite(starts_at) AND isfinite(ends_at)),
    CHECK (paused_at IS NULL OR due_at IS NULL),
    CHECK ((paused_at IS NULL) = (paused_reason IS NULL)),
    CHECK ((paused_at IS NULL) = (paused_by IS NULL)),
    CHECK ((failures = 0) = (error_at IS NULL)),
    CHECK ((error_sqlstate IS NULL) = (error_at IS NULL)),
    CHECK ((error_message IS NULL) = (error_at IS NULL))
) WITH (fillfactor = 70);
COMMENT ON TABLE standin_private.schedule IS 'Schedules, and where each stands; kept whole';
CREATE INDEX schedule_due ON standin_private.schedule (due_at) WHERE due_at IS NOT NULL;
CREATE TRIGGER wake AFTER INSERT OR DELETE OR UPDATE OF paused_at ON standin_private.schedule
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor');
CREATE VIEW standin_private.schedule_option (object, name, type, default_value, allowed, meaning) AS VALUES
    ('schedule', 'workflow', 'text', NULL, NULL, 'what a tick starts; a workflow that the schedule''s role may start'),
    ('schedule', 'cron', 'text', NULL, NULL, 'when: 5 fields, or 6 with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly'),
    ('schedule', 'input', 'jsonb', NULL, NULL, 'of each workflow'),
    ('schedule', 'time_zone', 'text', 'UTC', NULL, 'whose clocks the expression means'),
    ('schedule', 'jitter', 'interval', '00:00:00', '00:00:00 .. 24:00:00', 'each tick starts by up to so much later, always the same for the same tick'),
    ('schedule', 'overlap', 'text', 'allow', 'allow | skip | buffer_one', 'a tick that finds the last workflow open: starts another, is skipped, or waits for its end (one tick; others are skipped)'),
    ('schedule', 'backfill', 'text', 'none', 'none | last | all', 'of the ticks that are more than a minute late, as the server was down: which start'),
    ('schedule', 'backfill_window', 'interval', '1 day', '00:00:00 ..', 'ticks that are later than this are missed, whatever backfill says'),
    ('schedule', 'starts_at', 'timestamp with time zone', NULL, NULL, 'no tick before it'),
    ('schedule', 'ends_at', 'timestamp with time zone', NULL, NULL, 'no tick after it');
COMMENT ON VIEW standin_private.schedule_option IS 'options of schedules';
CREATE FUNCTION standin_private.schedule_next(cron text, time_zone text, after timestamptz) RETURNS timestamptz
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'standin_schedule_next';
COMMENT ON FUNCTION standin_private.schedule_next(text, text, timestamptz) IS 'The first tick after a time, or null if there is none within a hundred years. Error: 22023 the expression or the time zone is wrong';
CREATE FUNCTION standin_private.schedule_jitter(schedule text, tick timestamptz, jitter bigint) RETURNS bigint
LANGUAGE c STRICT IMMUTABLE AS 'MODULE_PATHNAME', 'standin_schedule_jitter';
COMMENT ON FUNCTION standin_private.schedule_jitter(text, timestamptz, bigint) IS 'The part of the jitter that a tick gets, in microseconds as the jitter.';
CREATE FUNCTION standin_private.schedule_start(role name, workflow text, id text, input jsonb) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_schedule_start';
COMMENT ON FUNCTION standin_private.schedule_start(name, text, text, jsonb) IS 'Starts a workflow as the role, with its rights and no others.';
CREATE FUNCTION standin_private.schedule_tick_id(schedule text, tick timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT schedule || to_char(tick AT TIME ZONE 'UTC', '"@"YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;
COMMENT ON FUNCTION standin_private.schedule_tick_id(text, timestamptz) IS 'The id of a tick''s workflow.';
CREATE FUNCTION standin_private.schedule_is_open(workflow_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM standin_private.workflow_run r WHERE r.workflow_id = schedule_is_open.workflow_id AND r.status = 'open')
$$;
COMMENT ON FUNCTION standin_private.schedule_is_open(text) IS 'Whether the workflow that a schedule has started last has not ended.';
CREATE FUNCTION standin_private.schedule_first_tick(s standin_private.schedule) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT n.tick FROM (SELECT standin_private.schedule_next(s.cron, s.time_zone, greatest(s.decided_until, s.starts_at - interval '1 microsecond')) AS tick) n
    WHERE s.ends_at IS NULL OR n.tick <= s.ends_at
$$;
COMMENT ON FUNCTION standin_private.schedule_first_tick(standin_private.schedule) IS 'The first tick of a schedule that is not decided, or null if there is none any more.';
CREATE FUNCTION standin_private.schedule_validate(s standin_private.schedule) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF length(s.schedule) NOT BETWEEN 1 AND 200 THEN
        RAISE EXCEPTION 'name of a schedule must have 1 to 200 characters' USING ERRCODE = 'invalid_name';
    ELSIF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = s.time_zone) THEN
        RAISE EXCEPTION 'time zone "%" is not known', s.time_zone USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The view pg_timezone_names lists them.';
    ELSIF NOT isfinite(s.starts_at) OR NOT isfinite(s.ends_at) THEN
        RAISE EXCEPTION 'starts_at and ends_at of schedule "%" must be finite', s.schedule USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave them out, or take them away with standin.schedule_reset.';
    ELSIF s.starts_at > s.ends_at THEN
        RAISE EXCEPTION 'schedule "%" ends before it starts', s.schedule USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF standin_private.schedule_next(s.cron, s.time_zone, standin_private.clock_now()) IS NULL THEN
        RAISE EXCEPTION 'cron expression "%" never comes', s.cron USING ERRCODE = 'invalid_parameter_value',
            HINT = 'No month that it names has such a day.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.schedule_validate(standin_private.schedule) IS 'an error if the options of a schedule are wrong';
CREATE FUNCTION standin_private.schedule_require(name text) RETURNS standin_private.schedule
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asker name := standin_private.caller();
    kept standin_private.schedule;
BEGIN
    PERFORM standin_private.argument_require('name', schedule_require.name);
    SELECT * INTO kept FROM standin_private.schedule s WHERE s.schedule = schedule_require.name
       AND (pg_has_role(asker, 'standin_admin', 'USAGE') OR pg_has_role(asker, to_regrole(quote_ident(s.role)), 'USAGE'))
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN -- no word about whether it is somebody else's
        RAISE EXCEPTION 'schedule "%" does not exist', schedule_require.name USING ERRCODE = 'undefined_object',
            HINT = 'The view standin.schedules lists those that you may see.';
    END IF;
    RETURN kept;
END $$;
COMMENT ON FUNCTION standin_private.schedule_require(text) IS 'Locks a schedule that the caller may change. Error: 42704';
CREATE FUNCTION standin_private.schedule_try(s standin_private.schedule) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_start(s.role, s.workflow, gen_random_uuid()::text, s.input);
    RAISE EXCEPTION USING ERRCODE = 'SX000';
EXCEPTION WHEN SQLSTATE 'SX000' THEN
    NULL; -- it can be started; what did is undone
END $$;
COMMENT ON FUNCTION standin_private.schedule_try(standin_private.schedule) IS 'Raises what a start would, and starts nothing.';
CREATE FUNCTION standin_private.schedule_settle(name text, decided timestamptz) RETURNS standin_private.schedule
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.schedule;
BEGIN
    UPDATE standin_private.schedule t SET decided_until = greatest(t.decided_until, decided), failures = 0, error_sqlstate = NULL,
           error_message = NULL, error_at = NULL
     WHERE t.schedule = schedule_settle.name RETURNING t.* INTO STRICT s;
    s.next_tick := standin_private.schedule_first_tick(s);
    s.due_at := CASE WHEN s.paused_at IS NULL THEN least(
        s.next_tick + interval '1 microsecond'
        * standin_private.schedule_jitter(s.schedule, s.next_tick, (extract(epoch FROM s.jitter) * 1000000)::bigint),
        CASE WHEN s.buffered_tick IS NOT NULL THEN standin_private.clock_now() END) END;
    UPDATE standin_private.schedule t SET next_tick = s.next_tick, due_at = s.due_at WHERE t.schedule = s.schedule;
    PERFORM standin_private.wake('schedule');
    PERFORM standin_private.wake('supervisor');
    RETURN s;
END $$;
COMMENT ON FUNCTION standin_private.schedule_settle(text, timestamptz) IS 'After a change: works out when the scheduler has to look next, and wakes it. No tick up to `decided` will start any more (null: as before).';
CREATE FUNCTION standin_private.schedule_write(name text, role name, given jsonb, make boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asker name := standin_private.caller();
    noted jsonb := '{}';
    before standin_private.schedule;
    s standin_private.schedule;
BEGIN
    PERFORM standin_private.argument_require('name', schedule_write.name);
    IF make THEN
        noted := jsonb_build_object('role', coalesce(schedule_write.role, asker));
    ELSE
        before := standin_private.schedule_require(schedule_write.name);
        noted := jsonb_build_object('role', coalesce(schedule_write.role, before.role));
    END IF;
    IF make OR schedule_write.role IS NOT NULL OR given ?| '{workflow,input}' THEN
        PERFORM standin_private.schedule_role_require(asker, (noted ->> 'role')::name), standin_private.schedule_role_require(asker, before.role);
    END IF;
    PERFORM standin_private.option_write('schedule', jsonb_build_object('schedule', schedule_write.name), given, make, noted);
    s := standin_private.schedule_settle(schedule_write.name, CASE WHEN make OR given ?| '{cron,time_zone,starts_at}' THEN standin_private.clock_now() END);
    IF s.next_tick IS NULL AND (make OR given ?| '{cron,time_zone,starts_at,ends_at}') THEN
        RAISE EXCEPTION 'schedule "%" has no tick before it ends', s.schedule USING ERRCODE = 'invalid_parameter_value',
            HINT = 'See standin.schedule_preview(cron, time_zone, from_time) and ends_at.';
    ELSIF make OR schedule_write.role IS NOT NULL OR given ?| '{workflow,input}' THEN
        PERFORM standin_private.schedule_try(s);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.schedule_write(text, name, jsonb, boolean) IS 'makes a schedule (make), or alters it. What one starts is changed only by who has the rights of its role';
CREATE FUNCTION standin_private.schedule_role_require(asker name, role name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = schedule_role_require.role) THEN
        RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
    ELSIF NOT pg_has_role(asker, role, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied to schedule workflows of role "%"', role USING ERRCODE = 'insufficient_privilege',
            HINT = 'What a schedule starts runs with the rights of its role. A member of that role may say what it is.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.schedule_role_require(name, name) IS 'Raises 42501 if the first role has not the rights of the second, 42704 if there is no such role.';
CREATE FUNCTION standin.schedule_create(
    name text, workflow text, cron text, input jsonb DEFAULT NULL, time_zone text DEFAULT NULL, jitter interval DEFAULT NULL,
    overlap text DEFAULT NULL, backfill text DEFAULT NULL, backfill_window interval DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, role name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_write(name, role, standin_private.option_given(jsonb_build_object(
        'workflow', workflow, 'cron', cron, 'input', input, 'time_zone', time_zone, 'jitter', jitter, 'overlap', overlap,
        'backfill', backfill, 'backfill_window', backfill_window, 'starts_at', starts_at, 'ends_at', ends_at)), true);
END $$;
COMMENT ON FUNCTION standin.schedule_create IS 'starts a workflow at each tick of a cron expression, once a tick: its id is the schedule''s name, @ and the tick in UTC. cron: 5 fields (minute, hour, day of the month, month, day of the week), 6 with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly, of the clocks of time_zone (UTC). jitter: a tick starts by up to so much later (0; at most 24 hours). overlap, if the last workflow is open: ''allow'' (starts another), ''skip'', ''buffer_one'' (one tick waits for the end). backfill, of ticks more than a minute late: ''none'', ''last'', ''all'', if not later than backfill_window (1 day). No ticks before starts_at and after ends_at. role: as whom the workflows start (the caller; or a role whose rights the caller has). Errors: 42710 exists, 22023 a wrong expression, time zone or option, or no tick ever, 42704 unknown workflow or role, 42501 the role may not start it';
CREATE FUNCTION standin.schedule_alter(
    name text, workflow text DEFAULT NULL, cron text DEFAULT NULL, input jsonb DEFAULT NULL, time_zone text DEFAULT NULL,
    jitter interval DEFAULT NULL, overlap text DEFAULT NULL, backfill text DEFAULT NULL, backfill_window interval DEFAULT NULL,
    starts_at timestamptz DEFAULT NULL, ends_at timestamptz DEFAULT NULL, role name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_write(name, role, standin_private.option_given(jsonb_build_object(
        'workflow', workflow, 'cron', cron, 'input', input, 'time_zone', time_zone, 'jitter', jitter, 'overlap', overlap,
        'backfill', backfill, 'backfill_window', backfill_window, 'starts_at', starts_at, 'ends_at', ends_at)), false);
END $$;
COMMENT ON FUNCTION standin.schedule_alter IS 'changes what is given of a schedule, as schedule_create. With another cron, time_zone or starts_at the next tick is the first after now. workflow, input and role are changed by who has the rights of its role only. Errors: 42704 unknown schedule, workflow or role, 22023 an option out of range, 42501 the role may not start the workflow, or the caller may not say what it starts';
CREATE FUNCTION standin.schedule_reset(name text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_write(name, NULL, standin_private.option_defaults('schedule', option), false);
END $$;
COMMENT ON FUNCTION standin.schedule_reset(text, text[]) IS 'brings options of a schedule back to their defaults. Errors: 42704 unknown schedule or option, 22023 an option without a default';
CREATE FUNCTION standin.schedule_drop(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_require(schedule_drop.name);
    DELETE FROM standin_private.schedule s WHERE s.schedule = schedule_drop.name;
    PERFORM standin_private.wake('schedule');
END $$;
COMMENT ON FUNCTION standin.schedule_drop(text) IS 'takes a schedule away; what it has started goes on. One made later under the same name starts no tick again. Error: 42704 unknown schedule';
CREATE FUNCTION standin.schedule_pause(name text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.schedule_require(schedule_pause.name), standin_private.argument_require('reason', reason);
    IF btrim(reason) = '' THEN
        RAISE EXCEPTION 'a pause needs a reason' USING ERRCODE = 'invalid_parameter_value', HINT = 'The view standin.schedules shows it.';
    END IF;
    UPDATE standin_private.schedule s SET due_at = NULL, paused_at = coalesce(s.paused_at, standin_private.clock_now()),
           paused_by = standin_private.caller(), paused_reason = reason
     WHERE s.schedule = schedule_pause.name;
    PERFORM standin_private.wake('schedule');
END $$;
COMMENT ON FUNCTION standin.schedule_pause(text, text) IS 'starts nothing until schedule_resume; what runs goes on. Errors: 42704 unknown schedule, 22023 no reason';
CREATE FUNCTION standin.schedule_resume(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.schedule := standin_private.schedule_require(schedule_resume.name);
BEGIN
    UPDATE standin_private.schedule t SET paused_at = NULL, paused_by = NULL, paused_reason = NULL WHERE t.schedule = s.schedule;
    PERFORM standin_private.schedule_settle(s.schedule, CASE WHEN s.paused_at IS NOT NULL THEN standin_private.clock_now() END);
END $$;
COMMENT ON FUNCTION standin.schedule_resume(text) IS 'ends a pause. Ticks that came meanwhile are not made up; a buffered one is. Tries at once again what failed. Error: 42704 unknown schedule';
CREATE FUNCTION standin.schedule_trigger_now(name text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.schedule := standin_private.schedule_require(schedule_trigger_now.name);
    present timestamptz := standin_private.clock_now();
    id text := s.schedule || to_char(present AT TIME ZONE 'UTC', '"@"YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
BEGIN
    IF s.overlap <> 'allow' AND standin_private.schedule_is_open(s.last_workflow) THEN
        RAISE EXCEPTION 'the last workflow of schedule "%" is open', s.schedule USING ERRCODE = 'object_in_use',
            DETAIL = format('It is %s, and overlap is %s.', s.last_workflow, s.overlap);
    END IF;
    PERFORM standin_private.schedule_start(s.role, s.workflow, id, s.input);
    UPDATE standin_private.schedule t SET last_workflow = id, last_started_at = present, started = t.started + 1 WHERE t.schedule = s.schedule;
    RETURN id;
END $$;
COMMENT ON FUNCTION standin.schedule_trigger_now(text) IS 'starts the workflow of a schedule now, beside its ticks, paused or not, as its role; returns the workflow''s id. Errors: 42704 unknown schedule, 55006 its last workflow is open and overlap is not ''allow'', and those of workflow_start';
CREATE FUNCTION standin.schedule_preview(cron text, time_zone text DEFAULT 'UTC', from_time timestamptz DEFAULT NULL, count integer DEFAULT 10)
RETURNS TABLE (tick timestamptz, local_time timestamp)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('cron', cron), standin_private.argument_require('time_zone', time_zone),
            standin_private.argument_require('count', count::text);
    IF count NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'count must be between 1 and 1000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    tick := coalesce(from_time, standin_private.clock_now()) - interval '1 microsecond';
    FOR i IN 1 .. count LOOP
        tick := standin_private.schedule_next(cron, time_zone, tick);
        EXIT WHEN tick IS NULL;
        local_time := tick AT TIME ZONE time_zone;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin.schedule_preview(text, text, timestamptz, integer) IS 'the first ticks of a cron expression from a time on (now), at most 1000 (10), with what the clocks of the time zone (UTC) show then. Errors: 22023 a wrong expression, whose hint shows the place, or time zone';
CREATE VIEW standin.schedules WITH (security_barrier) AS
SELECT s.schedule, s.workflow, s.cron, s.time_zone, s.role,
       CASE WHEN s.paused_at IS NOT NULL THEN 'paused' WHEN s.failures > 0 THEN 'failing'
            WHEN s.next_tick IS NULL AND s.buffered_tick IS NULL THEN 'ended' ELSE 'active' END AS status,
       s.next_tick, CASE WHEN s.paused_at IS NULL THEN s.due_at END AS due_at, s.last_tick, s.last_started_at, s.last_workflow,
       CASE WHEN r.status IS NOT NULL THEN standin_private.workflow_status(r.status, t.token, t.worker, t.waiting, t.ending IS NOT NULL, r.submitter) END AS last_status,
       s.started, s.missed, s.skipped, s.buffered_tick, s.paused_at, s.paused_by, s.paused_reason,
       s.failures, s.error_sqlstate, s.error_message, s.error_at, s.input, s.created_at
  FROM standin_private.schedule s
  LEFT JOIN standin_private.workflow_run r ON r.workflow_id = s.last_workflow
  LEFT JOIN standin_private.workflow_task t ON t.workflow_id = s.last_workflow
 WHERE pg_has_role(to_regrole(quote_ident(s.role)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE') OR pg_has_role('standin_admin', 'USAGE'));
COMMENT ON VIEW standin.schedules IS 'schedules of the reader''s roles; operators, auditors and admins see all. Their options are in standin.options too';
COMMENT ON COLUMN standin.schedules.status IS 'active, paused, failing (the last start failed, see error_*; it is tried again), ended (no tick after ends_at)';
COMMENT ON COLUMN standin.schedules.due_at IS 'when something happens next: the next tick with its jitter, or another try; null while paused and when ended';
COMMENT ON COLUMN standin.schedules.last_tick IS 'the last tick that started a workflow';
COMMENT ON COLUMN standin.schedules.last_workflow IS 'started last, by a tick or by schedule_trigger_now';
COMMENT ON COLUMN standin.schedules.last_status IS 'of last_workflow, as in standin.workflows; null: it is there no more';
COMMENT ON COLUMN standin.schedules.missed IS 'ticks that never started: more than a minute late and not made up (see backfill), or their id was taken';
COMMENT ON COLUMN standin.schedules.skipped IS 'ticks that found the last workflow open, see overlap';
COMMENT ON COLUMN standin.schedules.buffered_tick IS 'waits for the end of the last workflow';
COMMENT ON COLUMN standin.schedules.failures IS 'starts that have failed in a row';
CREATE VIEW standin_private.schedule_workers AS
SELECT 'scheduler'::text AS kind, 'schedules'::text AS key, NULL::oid AS role, false AS outward
 WHERE EXISTS (SELECT FROM standin_private.schedule WHERE due_at IS NOT NULL);
COMMENT ON VIEW standin_private.schedule_workers IS 'one scheduler while there is a schedule that is neither paused nor ended';
GRANT EXECUTE ON FUNCTION standin.schedule_create, standin.schedule_alter, standin.schedule_reset, standin.schedule_drop,
      standin.schedule_pause, standin.schedule_resume, standin.schedule_trigger_now TO standin_app, standin_admin;
GRANT EXECUTE ON FUNCTION standin.schedule_preview TO standin_app, standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.schedules TO standin_app, standin_operator, standin_auditor, standin_admin;
COMMENT ON TABLE standin_private.core IS 'core banking systems and how to speak to them; distributed: kept whole';
CREATE TABLE standin_private.core_claim (
    core text NOT NULL,
    claim text NOT NULL, -- '*': whatever stands at the core
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (core, claim)
);
COMMENT ON TABLE standin_private.core_claim IS 'what this database told the witnesses of its cores, of the last hour; distributed: kept whole';
CREATE TABLE standin_private.core_witness (
    core text PRIMARY KEY,
    agreed_at timestamptz NOT NULL,
    server_started_at timestamptz NOT NULL
);
COMMENT ON TABLE standin_private.core_witness IS 'when the witness of a core agreed last, and to which run of the server; not dumped; kept whole';
COMMENT ON TABLE standin_private.operation IS 'what may be asked of a core, and what is known of each operation; distributed: kept whole';
CREATE TABLE standin_private.operation_grant (
    core text NOT NULL REFERENCES standin_private.core ON DELETE RESTRICT,
    operation text NOT NULL, -- '*' for all
    role text NOT NULL CHECK (role <> ''),
    channel text NOT NULL CHECK (channel ~ '^[^/]*$' AND octet_length(channel) <= 63),
    granted_by text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (core, operation, role)
);
COMMENT ON TABLE standin_private.operation_grant IS 'who may submit what, and the namespace of their idempotency keys; distributed: kept whole';
COMMENT ON TABLE standin_private.core_mode IS 'who answers now, by core and capability; the epoch only rises; distributed: kept whole';
CREATE TRIGGER wake AFTER INSERT OR DELETE ON standin_private.core
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor');
CREATE TRIGGER wake AFTER INSERT OR DELETE ON standin_private.core_mode
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor');
COMMENT ON TABLE standin_private.core_mode_change IS 'every change of mode, who and why; distributed: kept whole';
COMMENT ON TABLE standin_private.episode IS 'continuous stand-in periods; distributed: kept whole';
COMMENT ON TABLE standin_private.rule IS 'stand-in rules; a rule of an account, then one of an operation, stands before the same rule of *; distributed: kept whole';
CREATE TABLE standin_private.rule_change (
    core text NOT NULL,
    change bigint GENERATED ALWAYS AS IDENTITY,
    operation text NOT NULL,
    account text NOT NULL,
    rule text NOT NULL,
    "window" text NOT NULL,
    rule_before jsonb,
    rule_after jsonb,
    changed_by text NOT NULL DEFAULT session_user,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (core, change)
);
COMMENT ON TABLE standin_private.rule_change IS 'every change of a rule, who and when, append-only; distributed: kept whole';
CREATE TABLE standin_private.account_list (
    core text NOT NULL REFERENCES standin_private.core ON DELETE RESTRICT,
    account text NOT NULL CHECK (octet_length(account) BETWEEN 1 AND 255),
    list text NOT NULL CHECK (list IN ('block', 'allow')),
    expires_at timestamptz,
    PRIMARY KEY (core, account, list)
);
COMMENT ON TABLE standin_private.account_list IS 'accounts on the block list and the allow list; distributed by account';
CREATE TABLE standin_private.account_list_change (
    core text NOT NULL,
    account text NOT NULL,
    change bigint GENERATED ALWAYS AS IDENTITY,
    list text NOT NULL,
    listed boolean NOT NULL,
    expires_at timestamptz,
    reason text NOT NULL CHECK (reason <> ''),
    changed_by text NOT NULL DEFAULT session_user,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (core, account, change)
);
COMMENT ON TABLE standin_private.account_list_change IS 'who put which account on a list or took it off, and why, append-only; distributed by account';
COMMENT ON TABLE standin_private.balance_source IS 'the replicated table a core''s balances are read from; distributed: kept whole';
COMMENT ON TABLE standin_private.reconciliation IS 'replicated tables whose rows carry our idempotency keys; distributed: kept whole';
COMMENT ON TABLE standin_private.transaction_key IS 'idempotency keys as the core sees them, with the channel that they belong to and the digest of operation and payload; narrow, outlives history; distributed by key';
COMMENT ON TABLE standin_private.account IS 'an account''s lock, holds and limit counters; distributed by account';
COMMENT ON TABLE standin_private.pending_transaction IS 'every transaction asked for, and where it stands; distributed by account';
CREATE TABLE standin_private.account_queue (
    core text NOT NULL,
    account text NOT NULL,
    ticket bigint NOT NULL,
    capability text NOT NULL,
    state text NOT NULL CHECK (state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')),
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (core, account)
) WITH (fillfactor = 70);
CREATE INDEX account_queue_state ON standin_private.account_queue (core, capability, state, due_at, ticket);
COMMENT ON TABLE standin_private.account_queue IS 'the oldest queued transaction of each account that has one; distributed by account';
CREATE TABLE standin_private.posted_hold (
    core text NOT NULL,
    account text NOT NULL,
    ticket bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    PRIMARY KEY (core, account, ticket)
);
COMMENT ON TABLE standin_private.posted_hold IS 'holds of posted transactions that wait for the balance''s watermark; distributed by account';
COMMENT ON TABLE standin_private.decision IS 'decision log, append-only; distributed by account';
COMMENT ON TABLE standin_private.core_answer IS 'what the connectors heard, append-only; distributed by account';
COMMENT ON COLUMN standin_private.core_event.booked_amount IS 'as the core wrote it, without its sign; null: its column is not bound';
COMMENT ON TABLE standin_private.core_event IS 'our keys seen in the core''s own change events, append-only; distributed by key';
CREATE TABLE standin_private.confirmation (
    core text NOT NULL,
    account text NOT NULL,
    ticket bigint NOT NULL,
    reconciliation bigint NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (core, account, ticket)
);
COMMENT ON TABLE standin_private.confirmation IS 'change events seen whose transactions wait for their account''s lock; distributed by account';
COMMENT ON TABLE standin_private.repair IS 'what persons decided about transactions, append-only; distributed by account';
CREATE TABLE standin_private.difference (
    ticket bigint NOT NULL,
    account text NOT NULL,
    core text NOT NULL,
    key text NOT NULL,
    state_before text NOT NULL,
    booked_account text,
    booked_amount numeric,
    reason text NOT NULL CHECK (reason <> ''),
    settled_by text NOT NULL DEFAULT session_user,
    settled_at timestamptz NOT NULL,
    PRIMARY KEY (ticket, account)
);
COMMENT ON TABLE standin_private.difference IS 'what persons settled of what the core booked otherwise than it was promised, append-only; distributed by account';
CREATE VIEW standin_private.standin_option (object, name, type, default_value, allowed, meaning) AS VALUES
    ('core', 'connector', 'text', 'postgres', 'postgres | function', 'how the core is reached: by a foreign server of standin_postgres, or by functions'),
    ('core', 'server', 'text', NULL, NULL, 'of a postgres core: the foreign server'),
    ('core', 'connector_role', 'text', NULL, NULL, 'of a function core: the role that its functions run as'),
    ('core', 'post_function', 'text', 'core_post', '~ ^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$', 'posts a transaction'),
    ('core', 'inquire_function', 'text', 'core_inquire', '~ ^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$', 'says what became of a key; none: the core cannot be asked'),
    ('core', 'probe_function', 'text', NULL, '~ ^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$', 'says whether the core is well; none: a connection does'),
    ('core', 'witness_function', 'text', NULL, '~ ^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$', 'tells old copies of this database from the newest; none: they are not noticed'),
    ('core', 'probe_interval', 'interval', '00:00:01', '00:00:00.01 ..', 'from one probe to the next'),
    ('core', 'rise', 'integer', '2', '1 .. 1000', 'good probes in a row that change the mode'),
    ('core', 'fall', 'integer', '3', '1 .. 1000', 'bad probes in a row that change the mode'),
    ('core', 'minimum_dwell', 'interval', '00:00:10', '00:00:00 ..', 'the least time in a mode'),
    ('core', 'call_timeout', 'interval', '00:00:03', '00:00:00.01 .. 00:10:00', 'of one call'),
    ('core', 'backlog_ceiling', 'bigint', '1000000', '1 ..', 'with so many transactions waiting nothing is accepted any more'),
    ('core', 'replay_rate', 'double precision', '1000', '0.001 ..', 'calls a second'),
    ('core', 'replay_connections', 'integer', '4', '1 .. 64', 'connections that replay uses'),
    ('core', 'attempts_maximum', 'integer', '10', '1 ..', 'calls spent on one transaction before a person is asked'),
    ('core', 'currency', 'text', NULL, '~ ^[A-Z]{3}$', 'ISO 4217 code of every amount; none: payloads are not asked for one'),
    ('core', 'time_zone', 'text', 'UTC', NULL, 'of the business day'),
    ('core', 'connections_maximum', 'integer', '20', '3 .. 10000', 'connections of this server to a postgres core: one for the prober, replay_connections for replay, the rest for sessions'),
    ('core', 'answer_kilobytes', 'integer', '1024', '64 .. 1048576', 'the largest answer that is taken'),
    ('core', 'hold_release', 'text', 'confirmation', 'confirmation | watermark', 'when the hold of a posted transaction goes: a change event confirms it, or the balance''s as_of_column is more than 5 s past the answer'),
    ('operation', 'capability', 'text', 'payments', '~ .', 'what the operation belongs to; the mode is one of a core and capability'),
    ('operation', 'account_field', 'text', 'account', NULL, 'field of the payload, or a path like $.debtorAccount.iban'),
    ('operation', 'amount_field', 'text', 'amount', NULL, 'field of the payload, or a path like $.instructedAmount.amount'),
    ('operation', 'currency_field', 'text', NULL, NULL, 'field of the payload, or a path, that must hold the core''s currency; none: it is not asked for'),
    ('operation', 'required', 'jsonb', '{}', NULL, 'further fields, or paths, with their JSON type, e.g. {"iban": "string"}'),
    ('operation', 'direction', 'text', 'debit', 'debit | credit', 'debit holds funds'),
    ('operation', 'dedup', 'text', 'none', 'key | inquiry | none', 'what the core does with a key it has seen: answers the same again, can only be asked, none'),
    ('operation', 'standin_allowed', 'boolean', 'false', NULL, 'whether stand-in may decide it'),
    ('operation', 'on_reject', 'text', 'hold', 'hold | continue', 'whether a promised transaction that the core refuses stops its account'),
    ('rule', 'amount', 'numeric', NULL, '0 ..', 'in the payload''s currency'),
    ('rule', 'maximum_count', 'integer', NULL, '1 .. 1000000', 'of velocity_count: so many in the window'),
    ('rule', 'maximum_age', 'interval', NULL, '00:00:00 ..', 'of staleness: how old the balance''s as_of_column may be'),
    ('rule', 'hours', 'text', NULL, '~ ^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$', 'of cutoff_window: from and to in the core''s time zone, e.g. 08:00-17:30; over midnight if the second is the earlier one'),
    ('rule', 'statuses', 'text', NULL, NULL, 'of account_status: those that are well, with commas between them'),
    ('rule', 'code', 'text', NULL, '~ ^(0[1-9]|[1-9][0-9])$', 'ISO 8583 code of its declines; none: the rule''s own'),
    ('rule', 'effective_from', 'timestamp with time zone', NULL, NULL, 'before that it is as if the rule were not there'),
    ('rule', 'effective_to', 'timestamp with time zone', NULL, NULL, 'from then on it is as if the rule were not there'),
    ('rule', 'mode', 'text', 'enforce', 'enforce | monitor | off', 'monitor: recorded in the decision, declines nothing');
COMMENT ON VIEW standin_private.standin_option IS 'options of cores, operations and rules';
COMMENT ON FUNCTION standin_private.pending_transaction_guard() IS
    'refuses state changes outside the state diagram, and any change of what was accepted';
CREATE FUNCTION standin_private.account_queue_follow() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_account_queue_follow';
COMMENT ON FUNCTION standin_private.account_queue_follow() IS 'keeps the head of an account''s queue when a transaction changes its state';
CREATE TRIGGER account_queue_follow AFTER UPDATE OF state, due_at ON standin_private.pending_transaction
    FOR EACH ROW EXECUTE FUNCTION standin_private.account_queue_follow();
COMMENT ON FUNCTION standin_private.epoch_guard() IS 'the epoch only rises';
COMMENT ON FUNCTION standin_private.config_changed() IS 'at the commit, every session forgets what it knew of cores, operations, rules and modes';
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.operation_grant
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
COMMENT ON FUNCTION standin_private.postgres_validator(text[], oid) IS 'allow-list of the options of standin_postgres servers and user mappings';
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
CREATE OR REPLACE FUNCTION standin_private.core_require(core text) RETURNS void
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
CREATE OR REPLACE FUNCTION standin_private.column_require(target regclass, column_name text) RETURNS void
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
CREATE VIEW standin_private.rule_kind (rule, windows, required, optional, code, meaning) AS VALUES
    ('allowed_operation', '', '{}'::text[], '{amount}'::text[], '57', 'the operation''s standin_allowed; enforced even if nobody declares it'),
    ('block_list', '', '{}', '{}', '62', 'the account is not on the block list'),
    ('allow_list', '', '{}', '{}', '62', 'the account is on the allow list'),
    ('account_status', '', '{statuses}', '{}', '62', 'the status_column of its balance is one of statuses'),
    ('cutoff_window', '', '{hours}', '{}', '90', 'the time of day at the core is in hours'),
    ('per_transaction_minimum', '', '{amount}', '{}', '13', 'a transaction is of amount at least'),
    ('per_transaction_limit', '', '{amount}', '{}', '61', 'a transaction is of amount at most'),
    ('episode_age', 'time', '{}', '{amount}', '61', 'once the episode is as old as window, a transaction is of amount at most; without amount nothing is accepted any more (57)'),
    ('floor', '', '{amount}', '{}', '00', 'up to amount staleness, available_balance and opt_in_overdraft are content; the account must exist all the same'),
    ('staleness', '', '{maximum_age}', '{}', '91', 'the as_of_column of the balance is no older than maximum_age'),
    ('available_balance', '', '{}', '{amount}', '51', 'the debit is within balance - holds + amount (an arranged overdraft)'),
    ('opt_in_overdraft', '', '{}', '{}', '51', 'the debit is within balance - holds, or the overdraft_column of the balance is true'),
    ('velocity_count', 'episode, business_day, time', '{maximum_count}', '{}', '65', 'maximum_count debits of the account at most in the window'),
    ('cumulative_limit', 'episode, business_day', '{amount}', '{}', '61', 'debits of the account of amount at most in the window');
COMMENT ON VIEW standin_private.rule_kind IS 'kinds of stand-in rules: which windows and options each takes, the code of its declines, and when it is content';
CREATE FUNCTION standin_private.rule_options_require(r standin_private.rule) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind standin_private.rule_kind;
    given text[] := ARRAY(SELECT o.key FROM jsonb_each(to_jsonb(r)) o WHERE o.value <> 'null'
                          AND o.key IN ('amount', 'maximum_count', 'maximum_age', 'hours', 'statuses') ORDER BY o.key);
    wrong text;
BEGIN
    SELECT * INTO kind FROM standin_private.rule_kind k WHERE k.rule = r.rule;
    SELECT o INTO wrong FROM unnest(kind.required) o WHERE o <> ALL (given);
    IF FOUND THEN
        RAISE EXCEPTION 'rule "%" needs %', r.rule, wrong USING ERRCODE = 'invalid_parameter_value', HINT = format('It is content if %s.', kind.meaning);
    END IF;
    SELECT o INTO wrong FROM unnest(given) o WHERE o <> ALL (kind.required || kind.optional);
    IF FOUND THEN
        RAISE EXCEPTION '% is not for rule "%"', wrong, r.rule USING ERRCODE = 'invalid_parameter_value', HINT = format('It is content if %s.', kind.meaning);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.rule_options_require IS 'an error if a rule lacks an option that its kind needs, or has one that it does not know';
CREATE FUNCTION standin_private.rule_window_require(r standin_private.rule) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    windows text := (SELECT k.windows FROM standin_private.rule_kind k WHERE k.rule = r.rule);
    kind text := CASE WHEN r."window" ~ '^[0-9]' THEN 'time' ELSE r."window" END;
BEGIN
    IF windows = '' AND kind <> '' THEN
        RAISE EXCEPTION 'rule "%" has no window', r.rule USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave window away.';
    ELSIF kind <> ALL (string_to_array(windows, ', ')) AND windows <> '' THEN
        RAISE EXCEPTION 'invalid window of rule "%": "%"', r.rule, r."window" USING ERRCODE = 'invalid_parameter_value',
            HINT = format('It is one of: %s.', replace(windows, 'time', 'a time like 10 minutes'));
    ELSIF kind = 'time' AND (r."window"::interval <= interval '0' OR r."window"::interval > interval '31 days') THEN
        RAISE EXCEPTION 'window of rule "%" is not a time between 0 and 31 days', r.rule USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use a time like 10 minutes.';
    ELSIF kind = 'time' AND r.maximum_count > 1000 THEN
        RAISE EXCEPTION 'rule "%" counts at most 1000 in a time', r.rule USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Each of them is kept with its account.', HINT = 'Use window business_day or episode.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.rule_window_require IS 'an error if a rule has a window that its kind does not know';
CREATE FUNCTION standin_private.rule_validate(r standin_private.rule) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.value_require('rule', r.rule, VARIADIC ARRAY(SELECT k.rule FROM standin_private.rule_kind k));
    PERFORM standin_private.rule_window_require(r), standin_private.rule_options_require(r);
    IF r.statuses !~ '[^, ]' THEN
        RAISE EXCEPTION 'rule "%" needs statuses', r.rule USING ERRCODE = 'invalid_parameter_value', HINT = 'Write them with commas, like open, new.';
    ELSIF r.effective_to <= r.effective_from THEN
        RAISE EXCEPTION 'rule "%" would never be in force', r.rule USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('From %s to %s.', r.effective_from, r.effective_to), HINT = 'effective_to is later than effective_from.';
    ELSIF octet_length(r.account) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'account must have 1 to 255 bytes' USING ERRCODE = 'invalid_parameter_value', HINT = 'Use * for all.';
    ELSIF r.operation <> '*' AND NOT EXISTS (SELECT FROM standin_private.operation o WHERE (o.core, o.operation) = (r.core, r.operation)) THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not defined', r.operation, r.core
            USING ERRCODE = 'undefined_object', HINT = 'Declare it with standin.operation_create, or use * for all.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.rule_validate IS 'an error if a rule cannot be so';
CREATE FUNCTION standin_private.rule_window("window" text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
    RETURN CASE WHEN "window" IN ('', 'episode', 'business_day') THEN "window" ELSE "window"::interval::text END;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
    RAISE EXCEPTION 'invalid value for option "window": "%"', "window" USING ERRCODE = 'invalid_parameter_value',
        HINT = 'It is episode, business_day, or a time like 10 minutes.';
END $$;
COMMENT ON FUNCTION standin_private.rule_window(text) IS 'the one way of writing a window: 10 minutes and 600 seconds are one';
CREATE FUNCTION standin_private.account_name_require(target regclass, account_column text, account text) RETURNS void
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'standin_account_name_require';
COMMENT ON FUNCTION standin_private.account_name_require IS 'an error if a balance table writes an account otherwise: what was said of 04711 would never be found for 4711';
CREATE FUNCTION standin_private.rule_log(rule_before standin_private.rule, rule_after standin_private.rule) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.rule_change (core, operation, account, rule, "window", rule_before, rule_after, changed_at)
    SELECT r.core, r.operation, r.account, r.rule, r."window", CASE WHEN rule_before.core IS NOT NULL THEN to_jsonb(rule_before) END,
           CASE WHEN rule_after.core IS NOT NULL THEN to_jsonb(rule_after) END, standin_private.clock_now()
    FROM (SELECT (CASE WHEN rule_after.core IS NOT NULL THEN rule_after ELSE rule_before END).*) r
    WHERE rule_before IS DISTINCT FROM rule_after
$$;
COMMENT ON FUNCTION standin_private.rule_log IS 'logs that a rule was made (before is null), changed, or taken away (after is null)';
CREATE FUNCTION standin_private.rule_write(core text, rule text, operation text, "window" text, account text, given jsonb, make boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    named text := standin_private.rule_window(rule_write."window");
    before standin_private.rule;
    after standin_private.rule;
BEGIN
    PERFORM standin_private.core_require(core), standin_private.argument_require('rule', rule),
            standin_private.argument_require('operation', operation), standin_private.argument_require('window', "window"),
            standin_private.argument_require('account', account);
    SELECT * INTO before FROM standin_private.rule r WHERE (r.core, r.operation, r.account, r.rule, r."window")
        = (rule_write.core, rule_write.operation, rule_write.account, rule_write.rule, named) FOR NO KEY UPDATE;
    IF NOT FOUND AND account <> '*' THEN -- what is there already can be altered, to switch it off
        PERFORM standin_private.account_name_require(b.target, b.account_column, rule_write.account)
        FROM standin_private.balance_source b WHERE b.core = rule_write.core;
    END IF;
    PERFORM standin_private.option_write('rule', jsonb_build_object('core', core, 'operation', operation, 'rule', rule,
        'window', named, 'account', account), given, make);
    SELECT * INTO after FROM standin_private.rule r WHERE (r.core, r.operation, r.account, r.rule, r."window")
        = (rule_write.core, rule_write.operation, rule_write.account, rule_write.rule, named);
    PERFORM standin_private.rule_log(before, after);
END $$;
COMMENT ON FUNCTION standin_private.rule_write IS 'makes a rule (make), alters it (not make), or whichever is right (null)';
CREATE FUNCTION standin.rule_create(
    core text, rule text, amount numeric DEFAULT NULL, operation text DEFAULT '*', "window" text DEFAULT '', mode text DEFAULT NULL,
    account text DEFAULT '*', maximum_count integer DEFAULT NULL, maximum_age interval DEFAULT NULL, hours text DEFAULT NULL,
    statuses text DEFAULT NULL, code text DEFAULT NULL, effective_from timestamptz DEFAULT NULL, effective_to timestamptz DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.rule_write(core, rule, operation, "window", account, standin_private.option_given(jsonb_build_object(
        'amount', amount, 'mode', mode, 'maximum_count', maximum_count, 'maximum_age', maximum_age, 'hours', hours,
        'statuses', statuses, 'code', code, 'effective_from', effective_from, 'effective_to', effective_to)), true);
END $$;
COMMENT ON FUNCTION standin.rule_create IS 'sets a stand-in rule for an operation of a core and an account (* for all). The manual has a table of the kinds and of what each takes. "window": of velocity_count and cumulative_limit: ''episode'', ''business_day'', of velocity_count also a time; of episode_age the age; amount: in the payload''s currency; mode: ''enforce'', ''monitor'' (recorded in the decision, declines nothing), ''off''; code: ISO 8583 code of its declines; effective_from, effective_to: when it is in force. Errors: 42704 unknown core or operation, 42710 exists, 22023 unknown rule, window or mode, an option that it needs or does not know, or an account that the bound balances write otherwise';
CREATE FUNCTION standin.rule_alter(
    core text, rule text, amount numeric DEFAULT NULL, operation text DEFAULT '*', "window" text DEFAULT '', mode text DEFAULT NULL,
    account text DEFAULT '*', maximum_count integer DEFAULT NULL, maximum_age interval DEFAULT NULL, hours text DEFAULT NULL,
    statuses text DEFAULT NULL, code text DEFAULT NULL, effective_from timestamptz DEFAULT NULL, effective_to timestamptz DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.rule_write(core, rule, operation, "window", account, standin_private.option_given(jsonb_build_object(
        'amount', amount, 'mode', mode, 'maximum_count', maximum_count, 'maximum_age', maximum_age, 'hours', hours,
        'statuses', statuses, 'code', code, 'effective_from', effective_from, 'effective_to', effective_to)), false);
END $$;
COMMENT ON FUNCTION standin.rule_alter IS 'changes those options of a rule that are given; core, rule, operation, window and account say which. Errors: 42704 unknown core or rule, 22023 an option out of range, or one that the rule needs or does not know';
CREATE FUNCTION standin.rule_define(
    core text, rule text, amount numeric DEFAULT NULL, operation text DEFAULT '*', "window" text DEFAULT '', mode text DEFAULT NULL,
    account text DEFAULT '*', maximum_count integer DEFAULT NULL, maximum_age interval DEFAULT NULL, hours text DEFAULT NULL,
    statuses text DEFAULT NULL, code text DEFAULT NULL, effective_from timestamptz DEFAULT NULL, effective_to timestamptz DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.rule_write(core, rule, operation, "window", account, standin_private.option_given(jsonb_build_object(
        'amount', amount, 'mode', mode, 'maximum_count', maximum_count, 'maximum_age', maximum_age, 'hours', hours,
        'statuses', statuses, 'code', code, 'effective_from', effective_from, 'effective_to', effective_to)), NULL);
END $$;
COMMENT ON FUNCTION standin.rule_define IS 'rule_create, or rule_alter if the rule exists; superseded by these two. Errors: theirs';
CREATE FUNCTION standin.rule_reset(core text, rule text, operation text, "window" text, account text, VARIADIC option text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.rule_write(core, rule, operation, "window", account, standin_private.option_defaults('rule', option), false);
END $$;
COMMENT ON FUNCTION standin.rule_reset(text, text, text, text, text, text[]) IS 'brings options of a rule back to their defaults. Errors: 42704 unknown core, rule or option, 22023 an option that the rule needs';
CREATE FUNCTION standin.rule_evaluate(core text, operation text, payload jsonb,
    OUT rule text, OUT mode text, OUT code text, OUT detail text, OUT decides boolean) RETURNS SETOF record
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_rule_evaluate';
COMMENT ON FUNCTION standin.rule_evaluate IS 'what each rule would say of a payload if stand-in had to decide now, in the order of judgement; nothing is written, and nothing locked. code: 00 if the rule is content; decides: the first enforced objection, which declines; none: it would be accepted. Errors: 22004 null, 42704 unknown core or operation, 22023 malformed payload';
CREATE FUNCTION standin_private.account_list_write(core text, list text, account text, reason text, listed boolean, expires_at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM standin_private.core_require(account_list_write.core), standin_private.argument_require('list', account_list_write.list),
            standin_private.argument_require('account', account_list_write.account), standin_private.value_require('list', account_list_write.list, 'block', 'allow');
    IF coalesce(account_list_write.reason, '') = '' THEN
        RAISE EXCEPTION 'a change of a list needs a reason' USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(account_list_write.account) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'account must have 1 to 255 bytes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The account is not locked: a block must not wait for a session that idles. What is being decided now is not under it yet.
    INSERT INTO standin_private.account_list_change (core, account, list, listed, expires_at, reason, changed_at)
    VALUES (account_list_write.core, account_list_write.account, account_list_write.list, account_list_write.listed, account_list_write.expires_at,
            account_list_write.reason, standin_private.clock_now());
END $$;
COMMENT ON FUNCTION standin_private.account_list_write IS 'checks and logs a change of the block list or the allow list';
CREATE FUNCTION standin.account_list_add(core text, list text, account text, reason text, expires_at timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.account_list_write(core, list, account, reason, true, expires_at);
    PERFORM standin_private.account_name_require(b.target, b.account_column, account_list_add.account)
    FROM standin_private.balance_source b WHERE b.core = account_list_add.core;
    INSERT INTO standin_private.account_list AS l (core, account, list, expires_at)
    VALUES (account_list_add.core, account_list_add.account, account_list_add.list, account_list_add.expires_at)
    ON CONFLICT ON CONSTRAINT account_list_pkey DO UPDATE SET expires_at = excluded.expires_at;
END $$;
COMMENT ON FUNCTION standin.account_list_add(text, text, text, text, timestamptz) IS 'puts an account on the list ''block'' or ''allow'' of a core, until expires_at (null: for good); the rules block_list and allow_list ask. On it already: expires_at is changed. Audited in standin.account_list_changes. Errors: 22004 null, 22023 unknown list or no reason, or an account that the bound balances write otherwise, 42704 unknown core';
CREATE FUNCTION standin.account_list_remove(core text, list text, account text, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.account_list_write(core, list, account, reason, false, NULL);
    DELETE FROM standin_private.account_list l
    WHERE (l.core, l.account, l.list) = (account_list_remove.core, account_list_remove.account, account_list_remove.list);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account "%" is not on list "%" of core "%"', account, list, core
            USING ERRCODE = 'undefined_object', HINT = 'The view standin.account_lists shows them.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.account_list_remove(text, text, text, text) IS 'takes an account off the list ''block'' or ''allow'' of a core; audited in standin.account_list_changes. Errors: 22004 null, 22023 unknown list or no reason, 42704 unknown core, or it is not on the list';
CREATE FUNCTION standin_private.core_claim_make(core text, OUT instance text, OUT claim text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- What all copies of this database share, adopted or not: its first binding.
    SELECT i.id || '/' || core_claim_make.core INTO core_claim_make.instance FROM standin_private.instance i
    WHERE NOT EXISTS (SELECT FROM standin_private.instance r WHERE r.superseded_by = i.id) ORDER BY i.bound_at, i.id LIMIT 1;
    SELECT format('timeline %s, lsn %s, %s, %s', o.timeline, pg_current_wal_insert_lsn(),
                  to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), gen_random_uuid())
    INTO core_claim_make.claim FROM standin_private.instance_observed() o;
    INSERT INTO standin_private.core_claim (core, claim) VALUES (core_claim_make.core, core_claim_make.claim);
END $$;
COMMENT ON FUNCTION standin_private.core_claim_make IS 'a new claim for a core to keep; commit it before the core hears of it';
CREATE FUNCTION standin_private.core_claim_answered(core text, claim text, standing text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF standing = core_claim_answered.claim THEN
        IF standin_private.core_witness_state(core_claim_answered.core) <> 'agreed' THEN
            PERFORM standin_private.wake('replay');
        END IF;
        INSERT INTO standin_private.core_witness AS w (core, agreed_at, server_started_at)
        VALUES (core_claim_answered.core, clock_timestamp(), pg_postmaster_start_time())
        ON CONFLICT (core) DO UPDATE SET (agreed_at, server_started_at) = (excluded.agreed_at, excluded.server_started_at);
        DELETE FROM standin_private.core_claim c
        WHERE c.core = core_claim_answered.core AND c.claim <> core_claim_answered.claim
          AND (c.claim = '*' OR c.made_at < clock_timestamp() - interval '1 hour');
        RETURN 'agreed';
    ELSIF EXISTS (SELECT FROM standin_private.core_claim c
                  WHERE c.core = core_claim_answered.core AND c.claim IN (core_claim_answered.standing, '*')) THEN
        RETURN 'ours';
    END IF;
    PERFORM standin_private.instance_doubt(format(
        'not the newest copy of this database: the last one that core "%s" heard of said "%s"', core_claim_answered.core, standing));
    RETURN 'another';
END $$;
COMMENT ON FUNCTION standin_private.core_claim_answered IS 'what it means that a core, told a claim, has the standing one: ''agreed'', ''ours'' (tell it again, in place of that one) or ''another'' (copy speaks to it: no worker runs here any more)';
CREATE FUNCTION standin_private.core_witness_adopt() RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.core_claim (core, claim)
    SELECT c.core, '*' FROM standin_private.core c WHERE c.witness_function IS NOT NULL ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION standin_private.core_witness_adopt IS 'after an adoption each core''s next claim takes the place of whatever stands there';
CREATE FUNCTION standin_private.core_witness_state(core text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN c.witness_function IS NULL THEN 'none'
                WHEN standin_private.instance_doubted() IS NOT NULL THEN 'refused'
                WHEN w.server_started_at = pg_postmaster_start_time()
                     AND abs(extract(epoch FROM clock_timestamp() - w.agreed_at))
                         < greatest(30, 3 * extract(epoch FROM c.probe_interval + 2 * c.call_timeout)) THEN 'agreed'
                ELSE 'awaited' END
    FROM standin_private.core c LEFT JOIN standin_private.core_witness w USING (core) WHERE c.core = core_witness_state.core
$$;
COMMENT ON FUNCTION standin_private.core_witness_state IS 'none, agreed, awaited or refused, as standin.core_status shows it';
CREATE FUNCTION standin_private.core_witness_at(core text) RETURNS timestamptz
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.agreed_at FROM standin_private.core_witness w WHERE w.core = core_witness_at.core
$$;
COMMENT ON FUNCTION standin_private.core_witness_at IS 'when a core''s witness agreed last';
CREATE FUNCTION standin.operation_grant(core text, operation text, role text, channel text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    present text;
    chosen text;
BEGIN
    PERFORM standin_private.core_require(operation_grant.core);
    IF operation_grant.operation IS DISTINCT FROM '*' AND NOT EXISTS (
        SELECT FROM standin_private.operation o WHERE o.core = operation_grant.core AND o.operation = operation_grant.operation) THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not defined', operation_grant.operation, operation_grant.core
            USING ERRCODE = 'undefined_object', HINT = 'Declare it with standin.operation_create, or use * for all.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = operation_grant.role) THEN
        RAISE EXCEPTION 'role "%" does not exist', operation_grant.role USING ERRCODE = 'undefined_object';
    END IF;
    LOCK TABLE standin_private.operation_grant IN SHARE ROW EXCLUSIVE MODE; -- what is checked below stays so
    SELECT g.channel INTO present FROM standin_private.operation_grant g
    WHERE g.core = operation_grant.core AND g.role = operation_grant.role LIMIT 1;
    chosen := coalesce(operation_grant.channel, present, operation_grant.role);
    IF chosen !~ '^[^/]*$' OR octet_length(chosen) > 63 THEN
        RAISE EXCEPTION 'channel "%" has a slash or more than 63 bytes', chosen
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The core sees keys as channel/key. Give another channel.';
    ELSIF chosen <> present THEN
        RAISE EXCEPTION 'role "%" has channel "%" at core "%"', operation_grant.role, present, operation_grant.core
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'With two channels a retry could become a second transaction.',
                  HINT = 'Revoke its other grants with standin.operation_revoke when nothing is retried any more.';
    ELSIF chosen <> '' AND EXISTS (SELECT FROM standin_private.transaction_key k
                                   WHERE k.core = operation_grant.core AND k.channel <> chosen AND starts_with(k.key, chosen || '/')) THEN
        RAISE EXCEPTION 'keys that begin with "%/" were used in another channel of core "%"', chosen, operation_grant.core
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Give another channel.';
    END IF;
    INSERT INTO standin_private.operation_grant (core, operation, role, channel, granted_by, granted_at)
    VALUES (operation_grant.core, operation_grant.operation, operation_grant.role, chosen, standin_private.caller(),
            standin_private.clock_now())
    ON CONFLICT (core, operation, role) DO NOTHING;
END $$;
COMMENT ON FUNCTION standin.operation_grant IS 'lets a role, and its members, submit an operation of a core (* for all). channel: the namespace of its idempotency keys, one for all its operations of a core; by default the role''s name. The core sees channel/key; '''' means bare keys, shared by all who have it. Errors: 42704 unknown core, operation or role; 22023 a channel with a slash or too long; 55000 the role has another channel, or the channel''s keys were used as bare ones';
CREATE FUNCTION standin.operation_revoke(core text, operation text, role text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM standin_private.operation_grant g
    WHERE g.core = operation_revoke.core AND g.operation = operation_revoke.operation AND g.role = operation_revoke.role;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not granted to role "%"', operation_revoke.operation, operation_revoke.core,
            operation_revoke.role USING ERRCODE = 'undefined_object', HINT = 'See standin.operation_grants.';
    END IF;
    PERFORM standin_private.caller(); -- not from an index or a materialized view
END $$;
COMMENT ON FUNCTION standin.operation_revoke IS 'takes back what standin.operation_grant gave, from the commit on. Errors: 42704 not granted';
CREATE VIEW standin.operation_grants AS
SELECT core, operation, role, channel, granted_by, granted_at FROM standin_private.operation_grant;
COMMENT ON VIEW standin.operation_grants IS 'which roles may submit which operations (* for all), and the channel of their idempotency keys';
COMMENT ON FUNCTION standin.transaction_submit IS 'takes a transaction inside the caller''s own, in every mode; it goes to the core after the commit, in its account''s order. key: idempotency key, unique in the caller''s channel of the core (see standin.operation_grant); with the channel 1 to 255 bytes. Returns ticket, status (accepted, declined), ISO 8583 code (09 processing, 14 no such account, 51 insufficient funds, 57 not permitted, 61 over a limit, 91 too many wait, or the balance is unknown) and a message for the customer. The manual lists all codes. The same key and payload again return the first answer. Errors: SI001 key used with another payload, or for the same transaction in another channel; 42501 operation not granted; 42725 granted with several channels; 42704 unknown core or operation; 22023 malformed payload; at commit 40001 the core''s mode changed: retry; 40P01 two transactions took the same accounts in another order: retry, 40001 under a transaction''s snapshot: retry';
COMMENT ON PROCEDURE standin.transaction_execute IS 'like transaction_submit, but commits the intent, posts it while the core is online and the account has no backlog, and returns the core''s answer (posted, rejected); accepted and "processing" otherwise, or when the answer stayed out. Errors: those of transaction_submit; 25001 inside a transaction block, 55000 this server may not speak to the core';
COMMENT ON PROCEDURE standin.transaction_wait IS 'waits, holding no snapshot, until a transaction is decided or the time is over; call it outside a transaction block. Errors: 42704 unknown ticket, or one of a channel that is not the caller''s and the caller no operator, auditor or administrator; 22004 null; 25001 inside a transaction block';
COMMENT ON FUNCTION standin.core_switch IS 'sets the mode of a core, or of one capability of it: forced_stand_in, forced_online, online, stand_in. Takes effect at commit, audited in standin.core_mode_changes; returns the highest new epoch. Errors: 42704 unknown core or capability, 22023 unknown mode or no reason';
CREATE OR REPLACE FUNCTION standin_private.state_message(state text, promised boolean, message text) RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN state IN ('accepted', 'in_flight', 'retry_wait', 'unknown') THEN 'processing'
    WHEN state IN ('posted', 'reconciled') THEN 'done'
    WHEN state = 'repair' OR (state = 'rejected' AND promised) THEN 'being checked'
    WHEN state = 'compensated' THEN 'reversed'
    WHEN state IN ('cancelled', 'expired') THEN state
    ELSE coalesce(message, state) END;
COMMENT ON FUNCTION standin_private.state_message IS 'what a customer is told about a state';
CREATE OR REPLACE FUNCTION standin.transaction_status(core text, key text,
    OUT ticket bigint, OUT status text, OUT message text, OUT account text, OUT amount numeric, OUT operation text,
    OUT reference text, OUT accepted_at timestamptz, OUT changed_at timestamptz) RETURNS SETOF record
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'standin_transaction_status';
COMMENT ON FUNCTION standin.transaction_status IS 'where the transaction with this key stands, with a message for the customer: of the caller''s own channels, or with the key as the core sees it for operators, auditors and administrators; no row if there is none';
CREATE OR REPLACE FUNCTION standin.repair_resolve(ticket bigint, resolution text, reason text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    item standin_private.pending_transaction;
    target text;
BEGIN
    PERFORM standin_private.caller();
    IF resolution IS NULL OR resolution NOT IN ('retry', 'compensated', 'cancelled') THEN
        RAISE EXCEPTION 'resolution "%" is not known', resolution USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use retry, compensated or cancelled.';
    END IF;
    IF coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'a repair needs a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The account's row first, as everywhere.
    PERFORM FROM standin_private.account a JOIN standin_private.pending_transaction p USING (core, account)
    WHERE p.ticket = repair_resolve.ticket FOR UPDATE OF a;
    SELECT * INTO item FROM standin_private.pending_transaction p WHERE p.ticket = repair_resolve.ticket FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ticket % does not exist', repair_resolve.ticket USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT (item.state = 'repair' OR (item.state = 'rejected' AND item.promised)
            OR (item.state IN ('accepted', 'retry_wait') AND resolution = 'cancelled')) THEN
        RAISE EXCEPTION 'ticket % is % and cannot be resolved as %', item.ticket, item.state, resolution
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Transactions in repair or rejected can be resolved; one that was not sent can be cancelled.';
    END IF;
    IF EXISTS (SELECT FROM standin_private.confirmation c WHERE (c.core, c.account, c.ticket) = (item.core, item.account, item.ticket)) THEN
        RAISE EXCEPTION 'ticket % was booked by the core a moment ago', item.ticket
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'It is about to become reconciled. See standin.transactions.';
    END IF;
    IF resolution = 'retry' AND EXISTS (SELECT FROM standin_private.core_event e WHERE (e.core, e.key) = (item.core, item.key)) THEN
        RAISE EXCEPTION 'ticket % was booked by the core, and is not sent again', item.ticket
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'See standin.reconciliation_differences, and settle it with standin.difference_settle.';
    END IF;
    target := CASE resolution WHEN 'retry' THEN 'accepted' ELSE resolution END;
    IF item.state = 'rejected' AND resolution = 'retry' THEN
        UPDATE standin_private.pending_transaction p SET state = 'repair' WHERE p.ticket = item.ticket AND p.account = item.account;
    END IF;
    UPDATE standin_private.pending_transaction p
    SET state = target, hold = CASE resolution WHEN 'retry' THEN p.hold ELSE 0 END, attempts = 0, due_at = NULL,
        changed_at = standin_private.clock_now()
    WHERE p.ticket = item.ticket AND p.account = item.account;
    IF resolution <> 'retry' AND item.hold > 0 THEN
        UPDATE standin_private.account a SET held = a.held - item.hold WHERE a.core = item.core AND a.account = item.account;
    END IF;
    INSERT INTO standin_private.repair (ticket, account, core, key, resolution, reason, state_before, repaired_at)
    VALUES (item.ticket, item.account, item.core, item.key, resolution, reason, item.state, standin_private.clock_now());
    PERFORM standin_private.wake('replay');
    PERFORM standin_private.wake('ticket');
    RETURN target;
END $$;
COMMENT ON FUNCTION standin.repair_resolve IS 'a person''s decision about a transaction in state repair: ''retry'' (send it again), ''compensated'' (reversed by another entry) or ''cancelled''; audited in standin.repairs. Returns the new state. Errors: 22023 unknown resolution or no reason, 42704 unknown ticket, 55000 not in repair, or a retry of what the core has booked';
CREATE FUNCTION standin_private.mode_lock(mode integer) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_mode_lock';
COMMENT ON FUNCTION standin_private.mode_lock(integer) IS 'until the end of the transaction nothing commits that was decided under the mode';
CREATE FUNCTION standin_private.open_work_require_none(core text, capability text DEFAULT NULL, operation text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    work bigint;
BEGIN
    SELECT count(*) INTO work FROM standin_private.pending_transaction p
    WHERE p.core = open_work_require_none.core AND p.capability = coalesce(open_work_require_none.capability, p.capability)
      AND p.operation = coalesce(open_work_require_none.operation, p.operation)
      AND (p.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair') OR (p.state = 'rejected' AND p.promised) OR p.hold > 0
           OR EXISTS (SELECT FROM standin_private.confirmation w WHERE w.core = p.core AND w.account = p.account AND w.ticket = p.ticket));
    IF work > 0 THEN
        RAISE EXCEPTION '% cannot be dropped because some transactions depend on it',
            CASE WHEN operation IS NULL THEN format('core "%s"', open_work_require_none.core)
                 ELSE format('operation "%s" of core "%s"', open_work_require_none.operation, open_work_require_none.core) END
            USING ERRCODE = 'object_in_use', DETAIL = format('%s of them are not settled.', work),
                  HINT = 'The view standin.pending_transactions lists them; standin.repair_resolve settles what nobody answers for any more.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.open_work_require_none IS 'raises 55006 while transactions of a core, or of its capability or operation, are not settled';
CREATE FUNCTION standin_private.open_work_check() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'cannot drop a core or an operation in a transaction of isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', DETAIL = 'It does not see transactions that came since it began.',
                  HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
    END IF;
    IF tg_table_name = 'core_mode' THEN
        PERFORM standin_private.mode_lock(old.id);
        PERFORM standin_private.open_work_require_none(old.core, old.capability);
    ELSE
        PERFORM standin_private.mode_lock(m.id) FROM standin_private.core_mode m WHERE (m.core, m.capability) = (old.core, old.capability);
        PERFORM standin_private.open_work_require_none(old.core, operation => old.operation);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.open_work_check() IS 'deferred trigger: raises 55006 if what was dropped has open work';
CREATE CONSTRAINT TRIGGER open_work AFTER DELETE ON standin_private.core_mode DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.open_work_check();
CREATE CONSTRAINT TRIGGER open_work AFTER DELETE ON standin_private.operation DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.open_work_check();
CREATE FUNCTION standin.core_drop(core text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    rules bigint;
BEGIN
    PERFORM standin_private.core_require(core_drop.core), standin_private.foreign_keys_enforce();
    PERFORM FROM standin_private.core_mode m WHERE m.core = core_drop.core FOR UPDATE;
    IF EXISTS (SELECT FROM standin_private.core_mode m WHERE m.core = core_drop.core AND m.episode IS NOT NULL) THEN
        RAISE EXCEPTION 'core "%" is in stand-in', core_drop.core USING ERRCODE = 'object_in_use',
            HINT = format('End the episode: SELECT standin.core_switch(%L, ''forced_online'', ''to be dropped'');', core_drop.core);
    END IF;
    PERFORM standin_private.open_work_require_none(core_drop.core);
    WITH gone AS (DELETE FROM standin_private.rule r WHERE r.core = core_drop.core RETURNING r AS rule)
    SELECT count(standin_private.rule_log(gone.rule, NULL)) INTO rules FROM gone;
    DELETE FROM standin_private.account_list l WHERE l.core = core_drop.core;
    DELETE FROM standin_private.operation_grant g WHERE g.core = core_drop.core;
    DELETE FROM standin_private.balance_source b WHERE b.core = core_drop.core;
    DELETE FROM standin_private.reconciliation b WHERE b.core = core_drop.core;
    DELETE FROM standin_private.core_mode m WHERE m.core = core_drop.core;
    DELETE FROM standin_private.operation o WHERE o.core = core_drop.core;
    DELETE FROM standin_private.core c WHERE c.core = core_drop.core;
    PERFORM standin_private.wake('cdc');
END $$;
COMMENT ON FUNCTION standin.core_drop(text) IS 'takes a core away, with its operations, rules, grants and bindings; its transactions, keys and logs stay. Errors: 42704 unknown core, 55006 it is in stand-in, or transactions are not settled (at the commit too), 0A000 the transaction does not see them';
CREATE FUNCTION standin.operation_drop(core text, operation text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    gone standin_private.operation;
    rules bigint;
BEGIN
    PERFORM standin_private.core_require(operation_drop.core), standin_private.foreign_keys_enforce();
    PERFORM standin_private.open_work_require_none(operation_drop.core, operation => operation_drop.operation);
    DELETE FROM standin_private.operation o WHERE o.core = operation_drop.core AND o.operation = operation_drop.operation RETURNING o.* INTO gone;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not defined', operation_drop.operation, operation_drop.core
            USING ERRCODE = 'undefined_object', HINT = 'The view standin.operations lists them.';
    END IF;
    -- Who decided before and commits after finds another epoch.
    UPDATE standin_private.core_mode m SET epoch = m.epoch + 1 WHERE (m.core, m.capability) = (gone.core, gone.capability);
    WITH taken AS (DELETE FROM standin_private.rule r WHERE (r.core, r.operation) = (gone.core, gone.operation) RETURNING r AS rule)
    SELECT count(standin_private.rule_log(taken.rule, NULL)) INTO rules FROM taken;
    DELETE FROM standin_private.operation_grant g WHERE (g.core, g.operation) = (gone.core, gone.operation);
END $$;
COMMENT ON FUNCTION standin.operation_drop(text, text) IS 'takes an operation of a core away, with its rules and grants; its transactions and logs stay. Errors: 42704 unknown core or operation, 55006 transactions are not settled (at the commit too), 0A000 the transaction does not see them';
CREATE FUNCTION standin.rule_drop(core text, rule text, operation text DEFAULT '*', "window" text DEFAULT '', account text DEFAULT '*') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    gone standin_private.rule;
BEGIN
    PERFORM standin_private.core_require(rule_drop.core);
    DELETE FROM standin_private.rule r
    WHERE (r.core, r.operation, r.rule, r."window", r.account)
        = (rule_drop.core, rule_drop.operation, rule_drop.rule, standin_private.rule_window(rule_drop."window"), rule_drop.account)
    RETURNING r.* INTO gone;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'rule "%" of operation "%" of core "%" does not exist', rule_drop.rule, rule_drop.operation, rule_drop.core
            USING ERRCODE = 'undefined_object', HINT = 'The view standin.rules lists them.';
    END IF;
    PERFORM standin_private.rule_log(gone, NULL);
END $$;
COMMENT ON FUNCTION standin.rule_drop(text, text, text, text, text) IS 'takes a stand-in rule away. Errors: 42704 unknown core or rule';
COMMENT ON VIEW standin_private.standin_workers IS 'the workers stand-in wants: a prober and a replay worker for each core';
COMMENT ON VIEW standin.transactions IS 'every transaction asked for, with its state';
COMMENT ON VIEW standin.pending_transactions IS 'transactions that are not settled: waiting for the core, for reconciliation, or for a person';
CREATE FUNCTION standin_private.prober_state(core text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.state FROM standin_private.stat_worker() w WHERE w.kind = 'prober' AND w.key = prober_state.core
$$;
COMMENT ON FUNCTION standin_private.prober_state(text) IS 'what the prober of a core does, as standin.stat_worker shows it; null while the supervisor has not looked';
CREATE VIEW standin_private.core_holds AS
SELECT c.core,
       CASE WHEN b.core IS NULL THEN 'released when posted'
            WHEN c.hold_release = 'watermark' AND b.as_of_column IS NOT NULL THEN 'released by watermark'
            WHEN EXISTS (SELECT FROM standin_private.reconciliation r WHERE r.core = c.core) THEN 'released by confirmation'
            ELSE 'never released' END AS holds
FROM standin_private.core c LEFT JOIN standin_private.balance_source b USING (core);
COMMENT ON VIEW standin_private.core_holds IS 'what releases the holds of each core''s posted transactions';
CREATE OR REPLACE VIEW standin.core_status AS
SELECT m.core, m.capability, m.mode, m.epoch, m.since, CASE WHEN reader.told THEN m.reason END AS reason, m.episode,
       (SELECT count(*) FROM standin_private.pending_transaction p
        WHERE p.core = m.core AND p.capability = m.capability AND p.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown')) AS backlog,
       (SELECT count(*) FROM standin_private.pending_transaction p
        WHERE p.core = m.core AND p.capability = m.capability AND p.state = 'repair') AS in_repair,
       m.good AS good_probes, m.bad AS bad_probes, m.probed_at, CASE WHEN reader.told THEN m.probe_failure END AS probe_failure,
       standin_private.prober_state(m.core) AS prober, h.holds,
       standin_private.core_witness_state(m.core) AS witness, standin_private.core_witness_at(m.core) AS witnessed_at
FROM standin_private.core_mode m JOIN standin_private.core_holds h USING (core),
     (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE')
          OR pg_has_role('standin_approver', 'USAGE') OR pg_has_role('standin_admin', 'USAGE') AS told) reader;
COMMENT ON VIEW standin.core_status IS 'who answers for each core and capability, since when and why, with backlog and last probe; applications are not told why, nor what the last probe met';
COMMENT ON COLUMN standin.core_status.prober IS 'what the prober does: core answers, core does not answer, or a word of stat_worker; in no_slot, refused and held nobody probes, and only failed calls of transaction_execute bring stand-in, out of which nothing but core_switch leads';
COMMENT ON COLUMN standin.core_status.holds IS 'what releases the holds of posted transactions: a confirmation, the watermark, or the posting (where no balances are bound). Never released: available balances only shrink; see reconciliation_bind and core_alter(hold_release)';
COMMENT ON COLUMN standin.core_status.witness IS 'agreed: the core knows this database for the newest copy; awaited: it was not heard since the server started, or not for long, and nothing is sent; refused: another copy spoke to a core (see standin.instance), and no worker runs; none: the core has no witness_function, and an old data directory put back in its place is not noticed';
COMMENT ON COLUMN standin.core_status.witnessed_at IS 'when the core''s witness agreed last';
COMMENT ON VIEW standin.core_mode_changes IS 'every change of mode, who and why';
COMMENT ON VIEW standin.episodes IS 'stand-in periods with what was decided in them';
COMMENT ON VIEW standin.decisions IS 'the decision log, with the verdict of every rule';
COMMENT ON VIEW standin.repairs IS 'what persons decided about transactions';
COMMENT ON FUNCTION standin_private.balances_read IS 'the rows of a balance table, read as its owner: its policies and types are its owner''s code';
CREATE FUNCTION standin_private.balance_problem(core text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = b.target) THEN 'the table does not exist any more'
                WHEN NOT standin_private.columns_are_built_in(b.target, b.account_column, b.balance_column, b.as_of_column)
                THEN 'a column is not of a built-in type' END
    FROM standin_private.balance_source b WHERE b.core = balance_problem.core
$$;
COMMENT ON FUNCTION standin_private.balance_problem(text) IS 'why the balances of a core are not read; null: they are';
CREATE FUNCTION standin_private.account_overlay(OUT core text, OUT account text, OUT balance numeric, OUT held numeric, OUT as_of text, OUT problem text)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    source record;
BEGIN
    FOR source IN SELECT c.core, b.target, b.account_column, b.balance_column, b.as_of_column, NULL::text AS problem
                  FROM standin_private.core c LEFT JOIN standin_private.balance_source b USING (core) LOOP
        BEGIN
            source.problem := standin_private.balance_problem(source.core);
            IF source.target IS NOT NULL AND source.problem IS NULL THEN
                RETURN QUERY SELECT source.core, coalesce(t.account, a.account), t.balance, coalesce(a.held, 0), t.as_of, NULL::text
                             FROM standin_private.balances_read(source.target, source.account_column, source.balance_column, source.as_of_column) t
                             FULL JOIN (SELECT * FROM standin_private.account WHERE core = source.core) a ON a.account = t.account;
                CONTINUE;
            END IF;
        EXCEPTION WHEN OTHERS THEN -- the table is its owner's: what is wrong with it concerns this core only
            source.problem := SQLERRM;
        END;
        RETURN QUERY SELECT a.core, a.account, NULL::numeric, a.held, NULL::text, source.problem
                     FROM standin_private.account a WHERE a.core = source.core;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.account_overlay IS 'replicated balances and holds, side by side';
CREATE OR REPLACE VIEW standin.accounts AS
SELECT core, account, balance, held, balance - held AS available, as_of, problem FROM standin_private.account_overlay();
COMMENT ON VIEW standin.accounts IS 'replicated balance minus holds; as_of is the watermark column of the balance table';
COMMENT ON COLUMN standin.accounts.problem IS 'why the balance could not be read, which concerns the accounts of this core only';
CREATE VIEW standin.cores AS
SELECT c.core, c.connector, c.server, c.connector_role, c.post_function, c.inquire_function, c.probe_function, c.probe_interval, c.rise,
       c.fall, c.minimum_dwell, c.call_timeout, c.backlog_ceiling, c.replay_rate, c.replay_connections, c.attempts_maximum, c.time_zone,
       c.connections_maximum, c.answer_kilobytes, c.hold_release, h.holds, c.defined_at, c.witness_function, c.currency
FROM standin_private.core c JOIN standin_private.core_holds h USING (core);
COMMENT ON VIEW standin.cores IS 'cores as they are defined now; core_status says how they are';
CREATE VIEW standin.operations AS
SELECT core, operation, capability, account_field, amount_field, required, direction, dedup, standin_allowed, on_reject, currency_field FROM standin_private.operation;
COMMENT ON VIEW standin.operations IS 'operations of cores as they are declared now';
CREATE VIEW standin.rules AS
SELECT r.core, r.operation, r.rule, r."window", r.amount, r.mode, r.account, r.maximum_count, r.maximum_age, r.hours, r.statuses, coalesce(r.code, k.code) AS code,
       r.effective_from, r.effective_to,
       coalesce(r.effective_from <= standin_private.clock_now(), true) AND coalesce(standin_private.clock_now() < r.effective_to, true) AS in_force
FROM standin_private.rule r JOIN standin_private.rule_kind k USING (rule);
COMMENT ON VIEW standin.rules IS 'rules and limits of stand-in; a rule of an account, then one of an operation, stands before the same rule of *';
CREATE VIEW standin.rule_kinds AS
SELECT rule, windows, required, optional, code, meaning FROM standin_private.rule_kind;
COMMENT ON VIEW standin.rule_kinds IS 'the kinds of rules: which windows and options each takes, the ISO 8583 code of its declines, and when it is content';
CREATE VIEW standin.rule_changes AS
SELECT core, operation, account, rule, "window", change, rule_before, rule_after, changed_by, changed_at FROM standin_private.rule_change;
COMMENT ON VIEW standin.rule_changes IS 'every change of a rule, who and when; rule_before is null: made; rule_after is null: taken away';
CREATE VIEW standin.account_lists AS
SELECT core, list, account, expires_at, coalesce(standin_private.clock_now() < expires_at, true) AS in_force FROM standin_private.account_list;
COMMENT ON VIEW standin.account_lists IS 'accounts on the block lists and allow lists of cores';
CREATE VIEW standin.account_list_changes AS
SELECT core, list, account, change, listed, expires_at, reason, changed_by, changed_at FROM standin_private.account_list_change;
COMMENT ON VIEW standin.account_list_changes IS 'who put which account on a list (listed) or took it off, and why';
CREATE VIEW standin.bindings AS
SELECT b.core, 'balances' AS purpose, b.target, b.account_column, b.balance_column, b.as_of_column, NULL::text AS key_column,
       standin_private.balance_problem(b.core) AS problem, NULL::text AS amount_column, b.status_column, b.overdraft_column
FROM standin_private.balance_source b
UNION ALL
SELECT r.core, 'reconciliation', r.target, r.account_column, NULL, NULL, r.key_column,
       CASE WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.target) THEN 'the table does not exist any more' END, r.amount_column, NULL, NULL
FROM standin_private.reconciliation r;
COMMENT ON VIEW standin.bindings IS 'replicated tables that stand-in reads: balances (balance_bind) and change events that confirm transactions (reconciliation_bind)';
CREATE FUNCTION standin_private.backlog_measure() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seconds double precision := extract(epoch FROM standin_private.clock_now() - old.backlog_at);
BEGIN
    new.backlog_at := standin_private.clock_now();
    new.backlog_rate := CASE WHEN old.backlog_at IS NULL OR seconds > 60 THEN NULL
                             WHEN seconds <= 0 THEN old.backlog_rate
                             ELSE coalesce(0.7 * old.backlog_rate + 0.3 * (old.backlog - new.backlog) / seconds, (old.backlog - new.backlog) / seconds) END;
    RETURN new;
END $$;
COMMENT ON FUNCTION standin_private.backlog_measure() IS 'follows how fast the backlog of a core becomes less';
CREATE TRIGGER backlog_measure BEFORE UPDATE OF backlog ON standin_private.core_mode
    FOR EACH ROW EXECUTE FUNCTION standin_private.backlog_measure();
CREATE VIEW standin.backlogs AS
SELECT b.kind, b.name, b.backlog, b.per_second,
       CASE WHEN b.backlog = 0 THEN standin_private.clock_now()
            WHEN b.per_second > 0 THEN standin_private.clock_now() + least(b.backlog / b.per_second, 1e9) * interval '1 second' END AS gone_at
FROM (SELECT 'core' AS kind, s.core AS name, sum(s.backlog)::bigint AS backlog,
             max(m.backlog_rate) FILTER (WHERE m.backlog_at > standin_private.clock_now() - interval '1 minute') AS per_second
      FROM standin.core_status s JOIN standin_private.core_mode m USING (core, capability) GROUP BY s.core
      UNION ALL
      SELECT 'source', s.source, sum(s.lag_messages)::bigint,
             sum(p.record_rate) FILTER (WHERE s.lag_messages > 0 AND p.applied_at > standin_private.clock_now() - interval '1 minute')
      FROM standin.stat_cdc s LEFT JOIN standin_private.cdc_progress p USING (source, topic, partition) GROUP BY s.source) b;
COMMENT ON VIEW standin.backlogs IS 'what waits for each core (transactions) and from each source (records), how fast it becomes less, and when it is gone at that rate';
COMMENT ON COLUMN standin.backlogs.per_second IS 'measured in the last moments; of a core what new transactions add is taken off; null: not measured, or nothing moves';
COMMENT ON COLUMN standin.backlogs.gone_at IS 'an estimate; null: it does not become less, or that is not known';
CREATE FUNCTION standin_private.payload_digest(operation text, payload jsonb) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'standin_payload_digest';
COMMENT ON FUNCTION standin_private.payload_digest(text, jsonb) IS 'what a key is compared by: SHA-256 over operation and payload, numbers by value';
CREATE OR REPLACE VIEW standin_private.ledger AS
SELECT coalesce(d.core, q.core, k.core, a.core, e.core, r.core, f.core, s.core) AS core,
       coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket, r.ticket, f.ticket, s.ticket) AS ticket,
       coalesce(d.key, q.key, k.key, a.key, e.key, r.key, f.key, s.key) AS key,
       d.decision, d.amount AS decided_amount, f.ticket IS NOT NULL AS refused,
       q.state, q.promised, q.amount AS queued_amount,
       a.posted OR e.ticket IS NOT NULL AS posted, coalesce(e.booked_amount, a.posted_amount, q.amount) AS posted_amount,
       r.resolution,
       array_remove(ARRAY[
           CASE WHEN d.ticket IS NULL THEN 'not in the decision log' END,
           CASE WHEN q.ticket IS NULL THEN 'not in the queue' END,
           CASE WHEN k.ticket IS NULL THEN 'its key is missing' END,
           CASE WHEN (d.core, d.key, d.account, d.operation, d.amount, d.epoch) <> (q.core, q.key, q.account, q.operation, q.amount, q.epoch)
                THEN 'decision log and queue differ' END,
           CASE WHEN (k.core, k.key, k.account) <> (q.core, q.key, q.account)
                  OR (k.digest <> sha256(convert_to(q.operation || E'\n' || q.payload::text, 'UTF8')) -- of releases up to 0.2.0
                      AND k.digest <> standin_private.payload_digest(q.operation, q.payload))
                THEN 'key and queue differ' END,
           CASE WHEN (d.decision = 'declined') <> (q.state = 'declined') OR (d.decision = 'accepted') <> q.promised
                THEN format('decided as %s, but %s', d.decision, q.state) END,
           CASE WHEN (f.ticket IS NOT NULL) <> (q.state = 'rejected' AND NOT q.promised) OR (f.key, f.amount) <> (q.key, q.amount)
                THEN 'refusal and state differ' END,
           CASE WHEN coalesce(a.posted, false) <> (q.answered IS NOT DISTINCT FROM 'posted')
                  OR (q.answered = 'rejected' AND NOT coalesce(a.rejected, false))
                  OR (q.state = 'posted' AND NOT coalesce(a.posted, false)) OR coalesce(a.answers, 0) <> coalesce(q.answers, 0)
                THEN 'answers of the core and state differ' END,
           CASE WHEN a.amounts <> q.amount OR a.keys <> q.key OR NOT a.alike OR (a.posted AND a.reference IS DISTINCT FROM q.reference)
                THEN 'answers of the core and queue differ' END,
           CASE WHEN s.ticket IS NULL AND e.booked_amount <> q.amount THEN format('promised %s, the core booked %s', q.amount, e.booked_amount) END,
           CASE WHEN s.ticket IS NULL AND e.booked_account <> q.account THEN format('promised on account %s, the core booked on %s', q.account, e.booked_account) END,
           CASE WHEN e.ticket IS NOT NULL AND q.state <> 'reconciled' AND w.ticket IS NULL
                  AND (s.ticket IS NULL OR q.state NOT IN ('declined', 'rejected', 'compensated', 'cancelled', 'expired') OR (q.state = 'rejected' AND q.promised))
                THEN format('booked by the core, but %s', q.state) END,
           CASE WHEN w.ticket IS NOT NULL AND e.ticket IS NULL THEN 'waits for its confirmation without a change event' END,
           CASE WHEN e.ticket IS NULL AND q.state = 'reconciled' THEN 'reconciled without a change event' END,
           CASE WHEN (e.core, e.key, e.account) <> (q.core, q.key, q.account) THEN 'change event and queue differ' END,
           CASE WHEN (s.core, s.key, s.account) <> (q.core, q.key, q.account) OR (s.ticket IS NOT NULL AND e.ticket IS NULL)
                  OR (s.booked_account, s.booked_amount) IS DISTINCT FROM (e.booked_account, e.booked_amount) AND s.ticket IS NOT NULL
                THEN 'settled, but the change event says something else' END,
           CASE WHEN a.posted AND s.ticket IS NULL AND q.state NOT IN ('posted', 'reconciled') THEN format('posted by the core, but %s', q.state) END,
           CASE WHEN (q.state IN ('compensated', 'cancelled')) <> (coalesce(r.resolution, 'retry') <> 'retry') OR
                     (q.state IN ('compensated', 'cancelled') AND r.resolution <> q.state) OR r.key <> q.key
                THEN 'repair and state differ' END
       ], NULL) AS faults,
       w.ticket IS NOT NULL AS confirming, -- booked by the core, which the queue is about to learn
       s.ticket IS NOT NULL AS settled     -- a person said that the core's booking stands
FROM (SELECT * FROM standin_private.decision WHERE decision <> 'refused') d
FULL JOIN standin_private.pending_transaction q ON q.ticket = d.ticket
FULL JOIN standin_private.transaction_key k ON k.ticket = coalesce(d.ticket, q.ticket)
FULL JOIN (SELECT core, ticket, min(key) AS key, bool_or(outcome = 'posted') AS posted, bool_or(outcome = 'rejected') AS rejected,
                  count(*) AS answers, min(amount) AS amounts, min(key) AS keys,
                  min(key) = max(key) AND min(amount) = max(amount) AND count(*) = max(answer) AS alike,
                  max(amount) FILTER (WHERE outcome = 'posted') AS posted_amount,
                  (array_agg(reference ORDER BY answer DESC) FILTER (WHERE outcome = 'posted'))[1] AS reference
           FROM standin_private.core_answer GROUP BY core, ticket) a ON a.ticket = coalesce(d.ticket, q.ticket, k.ticket)
FULL JOIN standin_private.core_event e ON e.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket)
FULL JOIN (SELECT DISTINCT ON (ticket) * FROM standin_private.repair ORDER BY ticket, action DESC) r
    ON r.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket)
FULL JOIN (SELECT * FROM standin_private.decision WHERE decision = 'refused') f
    ON f.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket, r.ticket)
FULL JOIN standin_private.difference s
    ON s.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket, r.ticket, f.ticket)
LEFT JOIN standin_private.confirmation w
    ON w.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket, r.ticket, f.ticket, s.ticket);
COMMENT ON VIEW standin_private.ledger IS 'one row a ticket: what each place says about it, and where they disagree';
CREATE OR REPLACE VIEW standin.conservation_faults AS
SELECT l.core, l.ticket, l.key, f.fault FROM standin_private.ledger l CROSS JOIN unnest(l.faults) f (fault)
UNION ALL
SELECT coalesce(a.core, h.core), NULL, NULL,
       format('account %s holds %s, its transactions %s', coalesce(a.account, h.account), coalesce(a.held, 0), coalesce(h.held, 0))
FROM standin_private.account a
FULL JOIN (SELECT core, account, sum(hold) AS held FROM standin_private.pending_transaction WHERE hold > 0 GROUP BY core, account) h
    USING (core, account)
WHERE coalesce(a.held, 0) <> coalesce(h.held, 0)
UNION ALL
SELECT coalesce(q.core, p.core), coalesce(p.ticket, q.ticket), NULL,
       format('account %s: the head of its queue should be %s, but is %s', coalesce(q.account, p.account),
              coalesce(format('%s (%s)', p.ticket, p.state), 'none'), coalesce(format('%s (%s)', q.ticket, q.state), 'none'))
FROM standin_private.account_queue q
FULL JOIN (SELECT DISTINCT ON (core, account) core, account, ticket, capability, state, coalesce(due_at, '-infinity') AS due_at
           FROM standin_private.pending_transaction WHERE state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
           ORDER BY core, account, ticket) p USING (core, account)
WHERE (q.ticket, q.capability, q.state, q.due_at) IS DISTINCT FROM (p.ticket, p.capability, p.state, p.due_at);
COMMENT ON VIEW standin.conservation_faults IS 'every disagreement between decision log, queue, keys, answers, change events, repairs, holds and heads of queues; empty is right';
CREATE OR REPLACE VIEW standin.conservation AS
WITH totals AS (
    SELECT core,
           count(*) FILTER (WHERE decision IN ('accepted', 'forwarded') AND NOT refused) AS accepted,
           count(*) FILTER (WHERE posted) AS posted,
           count(*) FILTER (WHERE NOT coalesce(posted, false) AND resolution = 'compensated') AS compensated,
           count(*) FILTER (WHERE NOT coalesce(posted, false) AND resolution = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE state = 'expired') AS expired,
           count(*) FILTER (WHERE NOT confirming AND (state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
                                                      OR (state = 'rejected' AND promised))) AS open,
           count(*) FILTER (WHERE refused) AS refused,
           count(*) FILTER (WHERE decision = 'declined') AS declined,
           coalesce(sum(decided_amount) FILTER (WHERE decision IN ('accepted', 'forwarded') AND NOT refused), 0) AS accepted_amount,
           coalesce(sum(posted_amount) FILTER (WHERE posted), 0) AS posted_amount,
           coalesce(sum(queued_amount) FILTER (WHERE NOT coalesce(posted, false) AND resolution = 'compensated'), 0) AS compensated_amount,
           coalesce(sum(queued_amount) FILTER (WHERE NOT coalesce(posted, false) AND resolution = 'cancelled'), 0) AS cancelled_amount,
           coalesce(sum(queued_amount) FILTER (WHERE state = 'expired'), 0) AS expired_amount,
           coalesce(sum(queued_amount) FILTER (WHERE NOT confirming AND (state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
                                                  OR (state = 'rejected' AND promised))), 0) AS open_amount,
           count(*) FILTER (WHERE settled AND posted AND (decision = 'declined' OR refused)) AS settled,
           coalesce(sum(posted_amount - CASE WHEN decision = 'declined' OR refused THEN 0 ELSE decided_amount END)
                    FILTER (WHERE settled AND posted), 0) AS settled_amount
    FROM standin_private.ledger GROUP BY core)
SELECT c.core, coalesce(t.accepted, 0) AS accepted, coalesce(t.posted, 0) AS posted, coalesce(t.compensated, 0) AS compensated,
       coalesce(t.cancelled, 0) AS cancelled, coalesce(t.expired, 0) AS expired, coalesce(t.open, 0) AS open,
       coalesce(t.refused, 0) AS refused, coalesce(t.declined, 0) AS declined,
       coalesce(t.accepted_amount, 0) AS accepted_amount, coalesce(t.posted_amount, 0) AS posted_amount,
       coalesce(t.compensated_amount, 0) AS compensated_amount, coalesce(t.cancelled_amount, 0) AS cancelled_amount,
       coalesce(t.expired_amount, 0) AS expired_amount, coalesce(t.open_amount, 0) AS open_amount,
       coalesce(f.faults, 0) AS faults,
       coalesce(t.accepted + t.settled = t.posted + t.compensated + t.cancelled + t.expired + t.open
            AND t.accepted_amount + t.settled_amount = t.posted_amount + t.compensated_amount + t.cancelled_amount + t.expired_amount + t.open_amount, true)
       AND f.faults IS NULL AS balanced,
       coalesce(t.settled, 0) AS settled, coalesce(t.settled_amount, 0) AS settled_amount
FROM (SELECT core FROM standin_private.core UNION SELECT core FROM totals) c -- also a core that was dropped
LEFT JOIN totals t USING (core)
LEFT JOIN (SELECT core, count(*) AS faults FROM standin.conservation_faults GROUP BY core) f USING (core);
COMMENT ON VIEW standin.conservation IS 'accepted + settled = posted + compensated + cancelled + expired + open, counted from independent places; balanced is false when any of them disagrees about any transaction';
COMMENT ON COLUMN standin.conservation.settled IS 'booked by the core though not accepted here, and settled by a person: see difference_settle';
COMMENT ON COLUMN standin.conservation.settled_amount IS 'by how much more than accepted the core booked, of differences that a person settled; negative: less';
CREATE OR REPLACE VIEW standin.reconciliation_differences AS
SELECT p.core, e.key, p.ticket, p.account, p.operation, p.amount, p.state,
       CASE WHEN e.booked_account <> p.account THEN 'booked on another account'
            WHEN e.booked_amount <> p.amount THEN 'booked with another amount'
            ELSE format('booked by the core, %s here', coalesce(s.state_before, p.state)) END AS difference,
       e.seen_at, e.booked_account, e.booked_amount, s.settled_at, s.settled_by, s.reason
FROM standin_private.core_event e
JOIN standin_private.pending_transaction p ON p.ticket = e.ticket AND p.account = e.account
LEFT JOIN standin_private.difference s ON s.ticket = p.ticket AND s.account = p.account
WHERE s.ticket IS NOT NULL OR p.state <> 'reconciled' AND NOT EXISTS (SELECT FROM standin_private.confirmation w WHERE w.ticket = p.ticket);
COMMENT ON VIEW standin.reconciliation_differences IS 'transactions that the core booked although stand-in declined, rejected, cancelled or compensated them, and those that it booked on another account or with another amount; also what a person settled of them (settled_at is not null), with standin.difference_settle';
CREATE FUNCTION standin_private.difference_find(ticket bigint) RETURNS standin_private.pending_transaction
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    item standin_private.pending_transaction;
    before standin_private.difference;
BEGIN
    -- The account's row first, as everywhere.
    PERFORM FROM standin_private.account a JOIN standin_private.pending_transaction p USING (core, account)
    WHERE p.ticket = difference_find.ticket FOR UPDATE OF a;
    SELECT * INTO item FROM standin_private.pending_transaction p WHERE p.ticket = difference_find.ticket FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ticket % does not exist', difference_find.ticket USING ERRCODE = 'undefined_object';
    END IF;
    SELECT * INTO before FROM standin_private.difference d WHERE (d.ticket, d.account) = (item.ticket, item.account);
    IF FOUND THEN
        RAISE EXCEPTION 'the difference of ticket % is settled', item.ticket USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = format('By %s at %s: %s', before.settled_by, before.settled_at, before.reason);
    ELSIF NOT EXISTS (SELECT FROM standin.reconciliation_differences d WHERE d.ticket = item.ticket) THEN
        RAISE EXCEPTION 'ticket % has no difference to settle', item.ticket USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'The view standin.reconciliation_differences lists them.';
    END IF;
    RETURN item;
END $$;
COMMENT ON FUNCTION standin_private.difference_find(bigint) IS 'the transaction with this ticket, its account locked; an error unless it has a difference that nobody settled';
CREATE FUNCTION standin.difference_settle(ticket bigint, reason text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    item standin_private.pending_transaction;
    now timestamptz := standin_private.clock_now();
    after text;
BEGIN
    PERFORM standin_private.caller(), standin_private.argument_require('ticket', difference_settle.ticket::text);
    IF coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'settling a difference needs a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    item := standin_private.difference_find(difference_settle.ticket);
    INSERT INTO standin_private.difference (ticket, account, core, key, state_before, booked_account, booked_amount, reason, settled_at)
    SELECT item.ticket, item.account, item.core, item.key, item.state, e.booked_account, e.booked_amount, reason, now
    FROM standin_private.core_event e WHERE (e.core, e.key) = (item.core, item.key);
    IF item.state = 'rejected' AND item.promised THEN -- it is open: a person was to look at it
        UPDATE standin_private.pending_transaction p SET state = 'repair' WHERE (p.ticket, p.account) = (item.ticket, item.account);
        item.state := 'repair';
    END IF;
    -- What was settled here in another way stays so; the row above tells that the core has booked it.
    UPDATE standin_private.pending_transaction p SET state = 'reconciled', hold = 0, due_at = NULL, changed_at = now
    WHERE (p.ticket, p.account) = (item.ticket, item.account)
      AND item.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'posted', 'repair') RETURNING p.state INTO after;
    IF FOUND AND item.hold > 0 THEN
        UPDATE standin_private.account a SET held = a.held - item.hold WHERE (a.core, a.account) = (item.core, item.account);
    END IF;
    PERFORM standin_private.wake('replay'), standin_private.wake('ticket');
    RETURN coalesce(after, item.state);
END $$;
COMMENT ON FUNCTION standin.difference_settle(bigint, text) IS 'a person''s word that what the core booked stands, though it is not what was promised: the transaction becomes reconciled and its hold goes; one that was declined, refused, cancelled or compensated here stays so. Who, when and why are kept in standin.reconciliation_differences; standin.conservation counts what the core booked, and balances. Returns the state. Errors: 22004 null, 22023 no reason, 42704 unknown ticket, 55000 no difference, or settled already';
GRANT EXECUTE ON FUNCTION standin.transaction_submit, standin.transaction_status TO standin_app, standin_admin;
GRANT EXECUTE ON PROCEDURE standin.transaction_execute, standin.transaction_wait TO standin_app, standin_admin;
GRANT EXECUTE ON FUNCTION standin.core_switch, standin.repair_resolve, standin.difference_settle,
    standin.account_list_add, standin.account_list_remove TO standin_operator, standin_admin;
GRANT EXECUTE ON FUNCTION standin.transaction_status TO standin_operator, standin_auditor;
GRANT EXECUTE ON FUNCTION standin.rule_evaluate TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON PROCEDURE standin.transaction_wait TO standin_operator, standin_auditor;
GRANT EXECUTE ON FUNCTION standin.core_create, standin.core_alter, standin.core_reset, standin.core_drop, standin.core_define,
    standin.operation_create, standin.operation_alter, standin.operation_reset, standin.operation_drop, standin.operation_define,
    standin.rule_create, standin.rule_alter, standin.rule_reset, standin.rule_drop, standin.rule_define, standin.balance_bind,
    standin.reconciliation_bind, standin.operation_grant, standin.operation_revoke TO standin_admin;
GRANT USAGE ON FOREIGN DATA WRAPPER standin_postgres TO standin_admin;
GRANT SELECT ON standin.transactions, standin.pending_transactions, standin.core_status, standin.core_mode_changes, standin.episodes,
    standin.decisions, standin.repairs, standin.accounts, standin.conservation_faults, standin.conservation,
    standin.reconciliation_differences, standin.operation_grants, standin.cores, standin.operations, standin.rules, standin.rule_kinds, standin.rule_changes,
    standin.account_lists, standin.account_list_changes, standin.bindings TO standin_operator, standin_auditor, standin_approver, standin_admin;
GRANT SELECT ON standin.core_status TO standin_app;
GRANT SELECT ON standin.backlogs TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.prober_state, standin_private.core_witness_state, standin_private.core_witness_at
    TO standin_app, standin_operator, standin_auditor, standin_approver, standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.state_message, standin_private.clock_now, standin_private.account_overlay,
    standin_private.balance_problem, standin_private.payload_digest
    TO standin_operator, standin_auditor, standin_approver, standin_admin;
CREATE TABLE standin_private.outbox_relay (
    relay text PRIMARY KEY CHECK (relay ~ '^[A-Za-z0-9._-]{1,100}$'),
    server name NOT NULL,
    mark_topic text NOT NULL CHECK (mark_topic ~ '^[A-Za-z0-9._-]{1,249}$' AND mark_topic NOT IN ('.', '..')),
    batch_records integer NOT NULL CHECK (batch_records BETWEEN 1 AND 100000),
    max_rows bigint NOT NULL CHECK (max_rows > 0),
    max_bytes bigint NOT NULL CHECK (max_bytes > 0),
    on_full text NOT NULL CHECK (on_full IN ('error', 'alarm')),
    paused boolean NOT NULL DEFAULT false,
    pause_reason text,
    changed_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    changed_by name NOT NULL DEFAULT session_user,
    UNIQUE (server, mark_topic),
    CHECK (paused OR pause_reason IS NULL)
);
COMMENT ON TABLE standin_private.outbox_relay IS 'who sends what transactions publish to Kafka, a worker each; kept whole';
CREATE TABLE standin_private.outbox_topic (
    topic text PRIMARY KEY CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$' AND topic NOT IN ('.', '..')),
    relay text NOT NULL REFERENCES standin_private.outbox_relay ON DELETE RESTRICT,
    max_bytes integer NOT NULL CHECK (max_bytes BETWEEN 1024 AND 100000000)
);
COMMENT ON TABLE standin_private.outbox_topic IS 'topics that may be published to, each by one relay; kept whole';
COMMENT ON COLUMN standin_private.outbox_topic.max_bytes IS 'of one event: key, payload and headers; the topic''s max.message.bytes in Kafka or less';
CREATE TABLE standin_private.outbox_grant (
    topic text NOT NULL REFERENCES standin_private.outbox_topic ON DELETE CASCADE,
    role name NOT NULL, -- by name, as in a dump
    granted_by name NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (topic, role)
);
COMMENT ON TABLE standin_private.outbox_grant IS 'who may publish to which topic; kept whole';
CREATE SEQUENCE standin_private.outbox_order;
CREATE SEQUENCE standin_private.outbox_batch;
CREATE TABLE standin_private.outbox_commit (
    relay text NOT NULL,
    timeline integer NOT NULL,
    seq bigint NOT NULL,
    batch bigint NOT NULL,
    messages bigint NOT NULL,
    bytes bigint NOT NULL,
    committed_at timestamptz NOT NULL,
    PRIMARY KEY (relay, timeline, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.2);
COMMENT ON TABLE standin_private.outbox_commit IS 'database transactions that published and are not known to be in Kafka, in the order of their commits; distributed by relay';
COMMENT ON COLUMN standin_private.outbox_commit.messages IS 'how many events it published and did not roll back: the relay sends all of them or none';
COMMENT ON COLUMN standin_private.outbox_commit.committed_at IS 'by the product''s clock, a moment before the commit';
CREATE TABLE standin_private.outbox_message (
    batch bigint NOT NULL,
    n bigint NOT NULL,
    event_id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    key text,
    payload bytea,
    headers jsonb,
    event_type text,
    partition integer,
    PRIMARY KEY (batch, n)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.2);
COMMENT ON TABLE standin_private.outbox_message IS 'events that are to become Kafka records, deleted behind the mark; distributed by batch, with its transaction';
COMMENT ON COLUMN standin_private.outbox_message.payload IS 'null: a tombstone';
CREATE TABLE standin_private.outbox_progress (
    relay text PRIMARY KEY REFERENCES standin_private.outbox_relay ON DELETE CASCADE,
    timeline integer NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    sent_timeline integer NOT NULL DEFAULT 0,
    sent_seq bigint NOT NULL DEFAULT 0,
    sent_at timestamptz,
    transactions bigint NOT NULL DEFAULT 0,
    aborted bigint NOT NULL DEFAULT 0,
    recovered bigint NOT NULL DEFAULT 0,
    blocked_event uuid,
    mark_found text,
    is_full boolean NOT NULL DEFAULT false,
    reason text,
    hint text
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE standin_private.outbox_progress IS 'how far each relay is; distributed by relay';
COMMENT ON COLUMN standin_private.outbox_progress.seq IS 'with timeline: the last place that may be in Kafka; no mark of ours is beyond it';
COMMENT ON COLUMN standin_private.outbox_progress.events IS 'published up to there, since the relay was made or adopted';
COMMENT ON COLUMN standin_private.outbox_progress.sent_seq IS 'with sent_timeline: what is known to be in Kafka; behind the truth after a crash';
COMMENT ON COLUMN standin_private.outbox_progress.recovered IS 'Kafka transactions of which a later process learnt from the mark that they were committed';
COMMENT ON COLUMN standin_private.outbox_progress.reason IS 'why it could not go on when it last said so; null: it went on';
COMMENT ON COLUMN standin_private.outbox_progress.mark_found IS 'what stood in its way when it last was fenced or diverged: the mark, or that there was none';
COMMENT ON COLUMN standin_private.outbox_progress.blocked_event IS 'the event that Kafka does not take, behind which all wait';
CREATE TABLE standin_private.outbox_claim (
    claim uuid PRIMARY KEY,
    relay text NOT NULL REFERENCES standin_private.outbox_relay ON DELETE CASCADE,
    system_identifier text NOT NULL,
    timeline integer NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    marked boolean NOT NULL DEFAULT false
);
CREATE INDEX ON standin_private.outbox_claim (relay, at);
COMMENT ON TABLE standin_private.outbox_claim IS 'processes that took a relay up: a mark of a claim that is not here was made by another server; distributed by relay';
COMMENT ON COLUMN standin_private.outbox_claim.seq IS 'with timeline: the mark from which it goes on';
COMMENT ON COLUMN standin_private.outbox_claim.marked IS 'Kafka has a mark of it';
CREATE TABLE standin_private.outbox_adoption (
    adoption bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relay text NOT NULL,
    choice text NOT NULL CHECK (choice IN ('from_mark', 'from_here')),
    reason text NOT NULL CHECK (reason <> ''),
    adopted_by name NOT NULL,
    adopted_at timestamptz NOT NULL,
    made_for text NOT NULL,
    applied_at timestamptz,
    mark text
);
COMMENT ON TABLE standin_private.outbox_adoption IS 'marks of others, or missing ones, that an administrator let a relay go on from; a log; kept whole';
COMMENT ON COLUMN standin_private.outbox_adoption.made_for IS 'what the relay had found (mark_found of its progress): of anything else this decides nothing';
COMMENT ON COLUMN standin_private.outbox_adoption.applied_at IS 'when the relay did it, or found it void';
COMMENT ON COLUMN standin_private.outbox_adoption.mark IS 'the mark from which it went on, an empty text if there was none; null: it is not done, or void';
CREATE TABLE standin_private.outbox_discarded (
    discard_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relay text NOT NULL,
    timeline integer NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text,
    payload bytea,
    headers jsonb,
    event_type text,
    partition integer,
    discarded_at timestamptz NOT NULL,
    discarded_by name NOT NULL,
    reason text NOT NULL CHECK (reason <> '')
);
COMMENT ON TABLE standin_private.outbox_discarded IS 'events that left here without a word of Kafka''s: given up because it does not take them, or taken for sent by an adoption; who did it, when and why; distributed by relay';
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.outbox_relay
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('outbox', 'supervisor');
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.outbox_topic
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('outbox');
CREATE TRIGGER wake AFTER INSERT ON standin_private.outbox_adoption
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('outbox');
CREATE VIEW standin_private.outbox_option (object, name, type, default_value, allowed, meaning) AS VALUES
    ('relay', 'server', 'name', NULL, NULL, 'a server of standin_kafka'),
    ('relay', 'mark_topic', 'text', NULL, '~ ^[A-Za-z0-9._-]{1,249}$', 'where it writes how far it is: one partition, cleanup.policy=compact, no other relay. It stays once it has a mark'),
    ('relay', 'batch_records', 'integer', '10000', '1 .. 100000', 'events in one Kafka transaction, unless one database transaction has more'),
    ('relay', 'max_rows', 'bigint', '10000000', '1 ..', 'events that wait for Kafka, before on_full'),
    ('relay', 'max_bytes', 'bigint', '10737418240', '1 ..', 'bytes of them, before on_full'),
    ('relay', 'on_full', 'text', 'alarm', 'error | alarm', 'error: outbox_publish fails (53400) until events have left; alarm: it is shown and nothing else'),
    ('outbox_topic', 'max_bytes', 'integer', '1000000', '1024 .. 100000000', 'bytes of one event, key, payload and headers; at most the topic''s max.message.bytes in Kafka');
COMMENT ON VIEW standin_private.outbox_option IS 'options of relays and of the topics that are published to';
CREATE FUNCTION standin_private.outbox_relay_require(relay text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('relay', relay), standin_private.caller();
    PERFORM FROM standin_private.outbox_relay r WHERE r.relay = outbox_relay_require.relay FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'relay "%" does not exist', relay USING ERRCODE = 'undefined_object', HINT = 'The view standin.outbox_relays lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.outbox_relay_require(text) IS 'locks a relay; raises 42704 if there is none of that name';
CREATE FUNCTION standin_private.outbox_relay_validate(r standin_private.outbox_relay) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF r.relay !~ '^[A-Za-z0-9._-]{1,100}$' THEN
        RAISE EXCEPTION 'invalid name of a relay: "%"', r.relay USING ERRCODE = 'invalid_name',
            HINT = 'Use up to 100 letters, digits, dots, dashes and underscores.';
    ELSIF r.server IS NULL THEN
        RAISE EXCEPTION 'relay "%" has no server', r.relay USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a server of standin_kafka.';
    END IF;
    PERFORM standin_private.kafka_server_require(r.server);
    IF EXISTS (SELECT FROM standin_private.outbox_relay o WHERE o.relay <> r.relay AND o.server = r.server AND o.mark_topic = r.mark_topic) THEN
        RAISE EXCEPTION 'another relay has the mark topic "%"', r.mark_topic USING ERRCODE = 'duplicate_object', HINT = 'Give each relay a topic of its own.';
    ELSIF EXISTS (SELECT FROM standin_private.outbox_topic t WHERE t.topic = r.mark_topic) THEN
        RAISE EXCEPTION 'topic "%" is published to', r.mark_topic USING ERRCODE = 'invalid_parameter_value', HINT = 'Give each relay a mark topic of its own.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.outbox_relay_validate IS 'an error if the options of a relay contradict each other, or name what does not exist';
CREATE FUNCTION standin_private.outbox_relay_write(relay text, given jsonb, make boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before standin_private.outbox_relay;
BEGIN
    PERFORM standin_private.caller(), standin_private.argument_require('relay', outbox_relay_write.relay);
    SELECT * INTO before FROM standin_private.outbox_relay r WHERE r.relay = outbox_relay_write.relay;
    IF before.relay IS NULL THEN
        given := jsonb_build_object('mark_topic', 'standin.outbox.' || outbox_relay_write.relay) || given;
    ELSIF given ->> 'mark_topic' <> before.mark_topic OR given ->> 'server' <> before.server THEN
        IF EXISTS (SELECT FROM standin_private.outbox_claim c WHERE c.relay = before.relay AND c.marked) THEN
            RAISE EXCEPTION 'relay "%" has marks in topic "%" of server "%"', before.relay, before.mark_topic, before.server
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      DETAIL = 'Elsewhere nothing tells it what was sent.',
                      HINT = 'Change the options of the server, or drop the relay when nothing waits and create it again.';
        END IF;
    END IF;
    PERFORM standin_private.instance_bind_first();
    PERFORM standin_private.option_write('relay', jsonb_build_object('relay', outbox_relay_write.relay), given, make,
        jsonb_build_object('changed_at', standin_private.clock_now(), 'changed_by', standin_private.caller())
        || CASE WHEN before.relay IS NULL THEN '{"paused": false}' ELSE '{}' END::jsonb);
    INSERT INTO standin_private.outbox_progress (relay) VALUES (outbox_relay_write.relay) ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION standin_private.outbox_relay_write IS 'makes a relay (make), alters it (not make), or whichever is right (null)';
CREATE FUNCTION standin.outbox_relay_create(
    relay text, server name, mark_topic text DEFAULT NULL, batch_records integer DEFAULT NULL, max_rows bigint DEFAULT NULL,
    max_bytes bigint DEFAULT NULL, on_full text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_write(relay, standin_private.option_given(jsonb_build_object('server', server, 'mark_topic', mark_topic,
        'batch_records', batch_records, 'max_rows', max_rows, 'max_bytes', max_bytes, 'on_full', on_full)), true);
END $$;
COMMENT ON FUNCTION standin.outbox_relay_create IS 'makes a relay: a worker that sends what transactions publish to the Kafka cluster of a server of standin_kafka, exactly once. mark_topic, by default standin.outbox.<relay>: where it writes, in the same Kafka transactions, how far it is. max_rows and max_bytes: what may wait. Errors: 42710 exists, or a mark topic that another relay has; 42704 unknown server; 42501 no USAGE on it; 22023 an option out of range';
CREATE FUNCTION standin.outbox_relay_alter(
    relay text, server name DEFAULT NULL, mark_topic text DEFAULT NULL, batch_records integer DEFAULT NULL, max_rows bigint DEFAULT NULL,
    max_bytes bigint DEFAULT NULL, on_full text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_write(relay, standin_private.option_given(jsonb_build_object('server', server, 'mark_topic', mark_topic,
        'batch_records', batch_records, 'max_rows', max_rows, 'max_bytes', max_bytes, 'on_full', on_full)), false);
END $$;
COMMENT ON FUNCTION standin.outbox_relay_alter IS 'changes what is given of a relay. Errors: 42704 unknown relay or server; 42501 no USAGE on the server; 55000 another server or mark topic once it has a mark; 22023 an option out of range';
CREATE FUNCTION standin.outbox_relay_define(
    relay text, server name, mark_topic text DEFAULT NULL, batch_records integer DEFAULT NULL, max_rows bigint DEFAULT NULL,
    max_bytes bigint DEFAULT NULL, on_full text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_write(relay, standin_private.option_given(jsonb_build_object('server', server, 'mark_topic', mark_topic,
        'batch_records', batch_records, 'max_rows', max_rows, 'max_bytes', max_bytes, 'on_full', on_full)), NULL);
END $$;
COMMENT ON FUNCTION standin.outbox_relay_define IS 'outbox_relay_create, or outbox_relay_alter if the relay exists. Errors: theirs';
CREATE FUNCTION standin.outbox_relay_reset(relay text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_write(relay, standin_private.option_defaults('relay', option), false);
END $$;
COMMENT ON FUNCTION standin.outbox_relay_reset(text, text[]) IS 'brings options of a relay back to their defaults. Errors: 42704 unknown relay or option, 22023 an option that has no default';
CREATE FUNCTION standin.outbox_relay_pause(relay text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_require(relay);
    UPDATE standin_private.outbox_relay r
    SET paused = true, pause_reason = reason, changed_at = standin_private.clock_now(), changed_by = session_user
    WHERE r.relay = outbox_relay_pause.relay;
    PERFORM standin_private.log_at_commit(format('relay "%s" was paused by %s%s', relay, session_user, coalesce(': ' || reason, '')));
END $$;
COMMENT ON FUNCTION standin.outbox_relay_pause(text, text) IS 'nothing more is sent, from the commit on but for the Kafka transaction that is under way, until outbox_relay_resume; what is published waits. Errors: 42704 unknown relay';
CREATE FUNCTION standin.outbox_relay_resume(relay text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_require(relay);
    UPDATE standin_private.outbox_relay r
    SET paused = false, pause_reason = NULL, changed_at = standin_private.clock_now(), changed_by = session_user
    WHERE r.relay = outbox_relay_resume.relay;
    PERFORM standin_private.log_at_commit(format('relay "%s" was resumed by %s', relay, session_user));
END $$;
COMMENT ON FUNCTION standin.outbox_relay_resume(text) IS 'goes on sending after outbox_relay_pause. Errors: 42704 unknown relay';
CREATE FUNCTION standin_private.outbox_publishers_wait() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    LOCK TABLE standin_private.outbox_message IN SHARE ROW EXCLUSIVE MODE;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'transactions are publishing' USING ERRCODE = 'lock_not_available',
        HINT = 'What they publish must have a relay. Try again when they have ended.';
END $$;
COMMENT ON FUNCTION standin_private.outbox_publishers_wait() IS 'until the end of this transaction nobody publishes; raises 55P03 if a transaction that has published does not end within 2 s';
CREATE FUNCTION standin.outbox_relay_drop(relay text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_require(relay), standin_private.foreign_keys_enforce();
    IF EXISTS (SELECT FROM standin_private.outbox_topic t WHERE t.relay = outbox_relay_drop.relay) THEN
        RAISE EXCEPTION 'relay "%" cannot be dropped because topics depend on it', relay USING ERRCODE = 'object_in_use',
            HINT = 'Drop them with standin.outbox_topic_drop; standin.outbox_topics lists them.';
    END IF;
    PERFORM standin_private.outbox_publishers_wait();
    IF EXISTS (SELECT FROM standin_private.outbox_commit c WHERE c.relay = outbox_relay_drop.relay) THEN
        RAISE EXCEPTION 'relay "%" cannot be dropped because events wait for it', relay USING ERRCODE = 'object_in_use',
            HINT = 'The view standin.outbox_queue shows them.';
    END IF;
    DELETE FROM standin_private.outbox_relay r WHERE r.relay = outbox_relay_drop.relay;
END $$;
COMMENT ON FUNCTION standin.outbox_relay_drop(text) IS 'takes a relay away; its mark in Kafka stays, and stops a relay of the same name (fenced) until that is adopted, or has another mark topic. Errors: 42704 unknown relay, 55006 topics or events depend on it, 55P03 somebody is publishing';
CREATE FUNCTION standin.outbox_relay_adopt(relay text, choice text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_require(relay), standin_private.value_require('choice', choice, 'from_mark', 'from_here');
    IF coalesce(trim(reason), '') = '' THEN
        RAISE EXCEPTION 'an adoption needs a reason' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say why no other server will ever send for this relay again.';
    END IF;
    PERFORM standin_private.instance_require();
    IF NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.kind = 'relay' AND w.key = relay AND w.state IN ('fenced', 'diverged')) THEN
        RAISE EXCEPTION 'relay "%" is neither fenced nor diverged', relay USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'The view standin.stat_outbox shows its state.';
    END IF;
    INSERT INTO standin_private.outbox_adoption (relay, choice, reason, adopted_by, adopted_at, made_for)
    SELECT p.relay, outbox_relay_adopt.choice, outbox_relay_adopt.reason, session_user, standin_private.clock_now(), p.mark_found
    FROM standin_private.outbox_progress p WHERE p.relay = outbox_relay_adopt.relay;
    PERFORM standin_private.log_at_commit(format('relay "%s" was adopted (%s) by %s: %s', relay, choice, session_user, reason));
END $$;
COMMENT ON FUNCTION standin.outbox_relay_adopt(text, text, text) IS 'lets a fenced or diverged relay go on from here: from_mark takes what waits here up to the mark in Kafka, and committed no later than the mark was made, for sent: it goes to standin.outbox_discarded; from_here sends all that waits here, whatever Kafka has. Errors: 42704 unknown relay, 55000 it is neither, or the server is not adopted, 22023 no such choice, no reason';
CREATE FUNCTION standin_private.outbox_topic_require(topic text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('topic', topic), standin_private.caller();
    PERFORM FROM standin_private.outbox_topic t WHERE t.topic = outbox_topic_require.topic FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" is not published to', topic USING ERRCODE = 'undefined_object', HINT = 'The view standin.outbox_topics lists those that are.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.outbox_topic_require(text) IS 'locks a topic; raises 42704 if none of that name is defined';
CREATE FUNCTION standin_private.outbox_topic_validate(t standin_private.outbox_topic) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF t.topic !~ '^[A-Za-z0-9._-]{1,249}$' OR t.topic IN ('.', '..') THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', left(t.topic, 300) USING ERRCODE = 'invalid_name',
            HINT = 'Kafka takes up to 249 letters, digits, dots, dashes and underscores.';
    ELSIF t.relay IS NULL THEN
        RAISE EXCEPTION 'topic "%" has no relay', t.topic USING ERRCODE = 'null_value_not_allowed', HINT = 'Make one with standin.outbox_relay_create.';
    ELSIF NOT EXISTS (SELECT FROM standin_private.outbox_relay r WHERE r.relay = t.relay) THEN
        RAISE EXCEPTION 'relay "%" does not exist', t.relay USING ERRCODE = 'undefined_object', HINT = 'Make it with standin.outbox_relay_create.';
    ELSIF EXISTS (SELECT FROM standin_private.outbox_relay r WHERE r.mark_topic = t.topic) THEN
        RAISE EXCEPTION 'topic "%" is the mark topic of a relay', t.topic USING ERRCODE = 'invalid_parameter_value', HINT = 'Publish to another.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.outbox_topic_validate IS 'an error if a topic cannot be published to in this way';
CREATE FUNCTION standin_private.outbox_topic_write(topic text, relay text, given jsonb, make boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before text := (SELECT t.relay FROM standin_private.outbox_topic t WHERE t.topic = outbox_topic_write.topic);
BEGIN
    PERFORM standin_private.caller(), standin_private.argument_require('topic', outbox_topic_write.topic);
    IF before <> outbox_topic_write.relay THEN
        RAISE EXCEPTION 'topic "%" is sent by relay "%"', outbox_topic_write.topic, before USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'Events of a key would overtake each other.', HINT = 'Drop the topic once its events have left, and create it again.';
    END IF;
    PERFORM standin_private.option_write('outbox_topic', jsonb_build_object('topic', outbox_topic_write.topic), given, make,
        standin_private.option_given(jsonb_build_object('relay', outbox_topic_write.relay)));
END $$;
COMMENT ON FUNCTION standin_private.outbox_topic_write IS 'makes a topic known (make), alters it (not make), or whichever is right (null)';
CREATE FUNCTION standin.outbox_topic_create(topic text, relay text, max_bytes integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('relay', relay);
    PERFORM standin_private.outbox_topic_write(topic, relay, standin_private.option_given(jsonb_build_object('max_bytes', max_bytes)), true);
END $$;
COMMENT ON FUNCTION standin.outbox_topic_create(text, text, integer) IS 'lets transactions publish to a topic, which must exist in Kafka by the time its first event is sent: it is never made from here. max_bytes: of one event, at most the topic''s max.message.bytes. Then grant it: standin.outbox_topic_grant. Errors: 42710 exists, 42704 unknown relay, 42602 no name of a topic, 22023 an option out of range, or a relay''s mark topic';
CREATE FUNCTION standin.outbox_topic_alter(topic text, max_bytes integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_topic_write(topic, NULL, standin_private.option_given(jsonb_build_object('max_bytes', max_bytes)), false);
END $$;
COMMENT ON FUNCTION standin.outbox_topic_alter(text, integer) IS 'changes what is given of a topic. Errors: 42704 it is not published to, 22023 an option out of range';
CREATE FUNCTION standin.outbox_topic_define(topic text, relay text, max_bytes integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('relay', relay);
    PERFORM standin_private.outbox_topic_write(topic, relay, standin_private.option_given(jsonb_build_object('max_bytes', max_bytes)), NULL);
END $$;
COMMENT ON FUNCTION standin.outbox_topic_define(text, text, integer) IS 'outbox_topic_create, or outbox_topic_alter if the topic is known. Errors: theirs, and 55000 it is sent by another relay';
CREATE FUNCTION standin.outbox_topic_reset(topic text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_topic_write(topic, NULL, standin_private.option_defaults('outbox_topic', option), false);
END $$;
COMMENT ON FUNCTION standin.outbox_topic_reset(text, text[]) IS 'brings options of a topic back to their defaults. Errors: 42704 it is not published to, or an unknown option';
CREATE FUNCTION standin.outbox_topic_drop(topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_topic_require(topic), standin_private.foreign_keys_enforce(), standin_private.outbox_publishers_wait();
    IF EXISTS (SELECT FROM standin_private.outbox_message m WHERE m.topic = outbox_topic_drop.topic) THEN
        RAISE EXCEPTION 'topic "%" cannot be dropped because events for it wait', topic USING ERRCODE = 'object_in_use',
            HINT = 'The view standin.outbox_queue shows them.';
    END IF;
    DELETE FROM standin_private.outbox_topic t WHERE t.topic = outbox_topic_drop.topic;
END $$;
COMMENT ON FUNCTION standin.outbox_topic_drop(text) IS 'lets nobody publish to a topic any more; in Kafka it stays as it is. Errors: 42704 it is not published to, 55006 events wait, 55P03 somebody is publishing';
CREATE FUNCTION standin.outbox_topic_grant(topic text, role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_topic_require(topic), standin_private.argument_require('role', role);
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
    END IF;
    INSERT INTO standin_private.outbox_grant (topic, role, granted_by, granted_at)
    VALUES (topic, role, standin_private.caller(), standin_private.clock_now()) ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION standin.outbox_topic_grant(text, text) IS 'lets a role, and its members, publish to a topic. Errors: 42704 it is not published to, or no such role';
CREATE FUNCTION standin.outbox_topic_revoke(topic text, role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('topic', topic), standin_private.argument_require('role', role), standin_private.caller();
    DELETE FROM standin_private.outbox_grant g WHERE g.topic = outbox_topic_revoke.topic AND g.role = outbox_topic_revoke.role;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" is not granted to role "%"', topic, role USING ERRCODE = 'undefined_object', HINT = 'See standin.outbox_topics.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.outbox_topic_revoke(text, text) IS 'takes back what standin.outbox_topic_grant gave, from the commit on. Errors: 42704 not granted';
CREATE FUNCTION standin.outbox_publish(topic text, key text, payload text, headers jsonb DEFAULT '{}', event_id uuid DEFAULT NULL,
    event_type text DEFAULT NULL, partition integer DEFAULT NULL) RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_outbox_publish_text';
CREATE FUNCTION standin.outbox_publish(topic text, key text, payload jsonb, headers jsonb DEFAULT '{}', event_id uuid DEFAULT NULL,
    event_type text DEFAULT NULL, partition integer DEFAULT NULL) RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_outbox_publish_jsonb';
CREATE FUNCTION standin.outbox_publish(topic text, key text, payload bytea, headers jsonb DEFAULT '{}', event_id uuid DEFAULT NULL,
    event_type text DEFAULT NULL, partition integer DEFAULT NULL) RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_outbox_publish_bytea';
DO $$
DECLARE
    payload text;
BEGIN
    FOREACH payload IN ARRAY ARRAY['text', 'jsonb', 'bytea'] LOOP
        EXECUTE format('COMMENT ON FUNCTION standin.outbox_publish(text, text, %s, jsonb, uuid, text, integer) IS %L', payload,
            'an event of this transaction: becomes a record in Kafka, exactly once, if the transaction commits, and never if it does not. All events of a transaction appear together, transactions in the order of their commits. key: null for none; payload: null is a tombstone, which needs a key; headers: an object of texts, numbers, booleans and nulls; the record has besides them id (event_id, made if null) and eventType; partition: null lets the key decide, as Kafka''s Java client does. Returns the event''s id. Errors: 42704 the topic is not published to, 42501 it is not granted to the caller, 54000 larger than the topic takes or too much for one transaction, 0A000 topics of two relays in one transaction, 22004 no topic, or neither key nor payload, 22023 headers that are no such object, an empty key, a negative partition, 23505 an event_id that waits already, 53400 the relay is full, 25006 a read-only transaction, 55000 the server is not adopted; at PREPARE TRANSACTION 0A000');
    END LOOP;
END $$;
CREATE FUNCTION standin_private.outbox_close() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_outbox_close';
COMMENT ON FUNCTION standin_private.outbox_close() IS 'until the end of this transaction no other that has published commits';
CREATE FUNCTION standin.outbox_event_discard(event_id uuid, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    place standin_private.outbox_commit;
    gone standin_private.outbox_message;
BEGIN
    PERFORM standin_private.argument_require('event_id', outbox_event_discard.event_id::text), standin_private.caller();
    IF coalesce(trim(outbox_event_discard.reason), '') = '' THEN
        RAISE EXCEPTION 'to discard an event needs a reason' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say who knows what it said, and what was done about it.';
    END IF;
    FOR attempt IN 1 .. 40 LOOP -- the relay looks now and then whether Kafka takes it after all
        PERFORM FROM standin_private.outbox_progress p WHERE p.blocked_event = outbox_event_discard.event_id FOR UPDATE;
        EXIT WHEN FOUND OR NOT EXISTS (SELECT FROM standin_private.outbox_message m WHERE m.event_id = outbox_event_discard.event_id);
        PERFORM pg_sleep(0.05);
    END LOOP;
    IF NOT EXISTS (SELECT FROM standin_private.outbox_progress p WHERE p.blocked_event = outbox_event_discard.event_id) THEN
        RAISE EXCEPTION 'event % does not block its relay', outbox_event_discard.event_id USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Only what Kafka does not take can be discarded: standin.stat_outbox names it.';
    END IF;
    DELETE FROM standin_private.outbox_message m WHERE m.event_id = outbox_event_discard.event_id RETURNING * INTO STRICT gone;
    UPDATE standin_private.outbox_commit c
    SET messages = c.messages - 1, bytes = greatest(c.bytes - coalesce(octet_length(gone.key), 0) - coalesce(octet_length(gone.payload), 0), 0)
    WHERE c.batch = gone.batch RETURNING * INTO STRICT place;
    INSERT INTO standin_private.outbox_discarded (relay, timeline, seq, event_id, topic, key, payload, headers, event_type, partition,
                                                  discarded_at, discarded_by, reason)
    VALUES (place.relay, place.timeline, place.seq, gone.event_id, gone.topic, gone.key, gone.payload, gone.headers, gone.event_type,
            gone.partition, standin_private.clock_now(), session_user, outbox_event_discard.reason);
    UPDATE standin_private.outbox_progress p SET blocked_event = NULL WHERE p.blocked_event = outbox_event_discard.event_id;
    PERFORM standin_private.wake('outbox');
    PERFORM standin_private.log_at_commit(format('event %s for topic "%s" was discarded by %s: %s', gone.event_id, gone.topic, session_user,
                                                 outbox_event_discard.reason));
END $$;
COMMENT ON FUNCTION standin.outbox_event_discard(uuid, text) IS 'gives up the event that blocks its relay; the rest of its transaction is sent. It stays in standin.outbox_discarded. Errors: 22004 no event, 22023 no reason, 55000 it does not block its relay';
CREATE VIEW standin_private.outbox_workers (kind, key, role, outward) AS
SELECT 'relay'::text, r.relay, NULL::oid, true FROM standin_private.outbox_relay r;
COMMENT ON VIEW standin_private.outbox_workers IS 'the workers the outbox wants: one a relay';
CREATE VIEW standin.outbox_relays AS
SELECT r.relay, r.server, r.mark_topic, r.batch_records, r.max_rows, r.max_bytes, r.on_full, r.paused, r.pause_reason, r.changed_at, r.changed_by
FROM standin_private.outbox_relay r;
COMMENT ON VIEW standin.outbox_relays IS 'who sends what transactions publish, and how';
COMMENT ON COLUMN standin.outbox_relays.max_rows IS 'events that may wait before on_full';
CREATE VIEW standin.outbox_topics AS
SELECT t.topic, t.relay, t.max_bytes,
       ARRAY(SELECT g.role FROM standin_private.outbox_grant g WHERE g.topic = t.topic ORDER BY g.role) AS publishers
FROM standin_private.outbox_topic t;
COMMENT ON VIEW standin.outbox_topics IS 'topics that may be published to, and by which roles';
COMMENT ON COLUMN standin.outbox_topics.max_bytes IS 'of one event: key, payload and headers';
CREATE VIEW standin.outbox_queue AS
SELECT c.relay, m.topic, count(*) AS rows, sum(octet_length(m.payload) + coalesce(octet_length(m.key), 0)) AS bytes,
       min(c.committed_at) AS oldest
FROM standin_private.outbox_commit c JOIN standin_private.outbox_message m USING (batch)
GROUP BY c.relay, m.topic;
COMMENT ON VIEW standin.outbox_queue IS 'committed events that are not known to be in Kafka, by topic: counted at each look, so not for a monitor that looks often while millions wait';
COMMENT ON COLUMN standin.outbox_queue.oldest IS 'when the transaction committed that has waited longest';
CREATE VIEW standin.stat_outbox AS
SELECT r.relay, coalesce(w.state, 'stopped') AS state, w.detail, w.pid,
       p.sent_timeline AS timeline, p.sent_seq AS seq, p.events, p.sent_at, p.transactions, p.aborted, p.recovered, p.blocked_event,
       q.transactions AS waiting_transactions, q.rows AS waiting_rows, q.bytes AS waiting_bytes,
       CASE WHEN q.rows > 0 THEN extract(epoch FROM standin_private.clock_now() - q.oldest)::double precision ELSE 0 END AS lag_seconds,
       q.rows >= r.max_rows OR q.bytes >= r.max_bytes AS is_full,
       c.claim, c.at AS claimed_at, p.reason, p.hint, w.last_error, w.error_at, w.recovered_at
FROM standin_private.outbox_relay r
JOIN standin_private.outbox_progress p USING (relay)
LEFT JOIN standin_private.worker_status w ON w.kind = 'relay' AND w.key = r.relay
CROSS JOIN LATERAL (SELECT count(*) AS transactions, coalesce(sum(o.messages), 0)::bigint AS rows, coalesce(sum(o.bytes), 0)::bigint AS bytes,
                           min(o.committed_at) AS oldest
                    FROM standin_private.outbox_commit o WHERE o.relay = r.relay) q
LEFT JOIN LATERAL (SELECT l.claim, l.at FROM standin_private.outbox_claim l WHERE l.relay = r.relay AND l.marked ORDER BY l.at DESC LIMIT 1) c ON true;
COMMENT ON VIEW standin.stat_outbox IS 'how each relay is, and how far';
COMMENT ON COLUMN standin.stat_outbox.state IS 'running, connecting, retrying (Kafka is away; it goes on by itself), blocked (Kafka does not take an event or a topic: reason says which, hint what helps; nothing is skipped), fenced (the mark in Kafka is of another server), diverged (the mark is gone, or beyond what is known here), paused; else as in stat_worker';
COMMENT ON COLUMN standin.stat_outbox.seq IS 'with timeline: the place of the last transaction that is known to be in Kafka, in the order of commits';
COMMENT ON COLUMN standin.stat_outbox.reason IS 'why it cannot go on, and in hint what helps; null: it goes on';
COMMENT ON COLUMN standin.stat_outbox.transactions IS 'Kafka transactions that were committed';
COMMENT ON COLUMN standin.stat_outbox.recovered IS 'of which a later process learnt from the mark';
COMMENT ON COLUMN standin.stat_outbox.lag_seconds IS 'how long the oldest that waits has done so';
CREATE VIEW standin.outbox_discarded AS
SELECT d.discard_number, d.relay, d.timeline, d.seq, d.event_id, d.topic, d.key, d.payload, d.headers, d.event_type, d.partition,
       d.discarded_at, d.discarded_by, d.reason
FROM standin_private.outbox_discarded d;
COMMENT ON VIEW standin.outbox_discarded IS 'events that an operator gave up, or that an adoption (from_mark) took for sent, and why';
GRANT EXECUTE ON FUNCTION standin.outbox_publish(text, text, text, jsonb, uuid, text, integer), standin.outbox_publish(text, text, jsonb, jsonb, uuid, text, integer),
    standin.outbox_publish(text, text, bytea, jsonb, uuid, text, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.outbox_relay_create, standin.outbox_relay_alter, standin.outbox_relay_define, standin.outbox_relay_reset(text, text[]),
    standin.outbox_relay_drop(text), standin.outbox_relay_adopt(text, text, text), standin.outbox_topic_create(text, text, integer),
    standin.outbox_topic_alter(text, integer), standin.outbox_topic_define(text, text, integer), standin.outbox_topic_reset(text, text[]),
    standin.outbox_topic_drop(text), standin.outbox_topic_grant(text, text), standin.outbox_topic_revoke(text, text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.outbox_relay_pause(text, text), standin.outbox_relay_resume(text), standin.outbox_event_discard(uuid, text)
    TO standin_operator, standin_admin;
GRANT SELECT ON standin.outbox_relays, standin.outbox_topics, standin.outbox_queue, standin.stat_outbox TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.outbox_discarded TO standin_operator, standin_auditor, standin_admin;
COMMENT ON TABLE standin_private.capability IS 'register of the bank''s capabilities; kept whole';
CREATE VIEW standin_private.capability_option (object, name, type, default_value, allowed, meaning) AS VALUES
    ('capability', 'bian_domain', 'text', NULL, '~ ^[A-Z][A-Za-z]+$', 'the BIAN service domain'),
    ('capability', 'bian_release', 'text', '14', '~ .', 'of which release of BIAN'),
    ('capability', 'owner', 'text', NULL, '~ .', 'who answers for it in the bank'),
    ('capability', 'important_service', 'boolean', 'false', NULL, 'whether it is an important business service'),
    ('capability', 'impact_tolerance', 'interval', NULL, '00:00:00.001 ..', 'the most disruption the bank allows');
COMMENT ON VIEW standin_private.capability_option IS 'options of capabilities';
CREATE FUNCTION standin_private.capability_validate(c standin_private.capability) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF c.capability = '' THEN
        RAISE EXCEPTION 'a capability has a name' USING ERRCODE = 'invalid_name';
    ELSIF c.important_service AND c.impact_tolerance IS NULL THEN
        RAISE EXCEPTION 'important service "%" has no impact tolerance', c.capability
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Give impact_tolerance: the most disruption the bank allows.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.capability_validate IS 'an error if a capability cannot be so';
CREATE FUNCTION standin_private.capability_write(capability text, given jsonb, make boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('capability', capability);
    PERFORM standin_private.option_write('capability', jsonb_build_object('capability', capability), given, make,
        jsonb_build_object('defined_at', standin_private.clock_now(), 'defined_by', standin_private.caller()));
END $$;
COMMENT ON FUNCTION standin_private.capability_write IS 'makes a capability (make), alters it (not make), or whichever is right (null)';
CREATE FUNCTION standin.capability_create(
    capability text, bian_domain text, owner text, important_service boolean DEFAULT NULL,
    impact_tolerance interval DEFAULT NULL, bian_release text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.capability_write(capability, standin_private.option_given(jsonb_build_object('bian_domain', bian_domain,
        'owner', owner, 'important_service', important_service, 'impact_tolerance', impact_tolerance, 'bian_release', bian_release)), true);
END $$;
COMMENT ON FUNCTION standin.capability_create(text, text, text, boolean, interval, text) IS 'registers a capability of the bank under its BIAN service domain. impact_tolerance: the most disruption the bank allows. Errors: 42710 exists, 22004 an important service without tolerance, 22023 an option missing or out of range';
CREATE FUNCTION standin.capability_alter(
    capability text, bian_domain text DEFAULT NULL, owner text DEFAULT NULL, important_service boolean DEFAULT NULL,
    impact_tolerance interval DEFAULT NULL, bian_release text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.capability_write(capability, standin_private.option_given(jsonb_build_object('bian_domain', bian_domain,
        'owner', owner, 'important_service', important_service, 'impact_tolerance', impact_tolerance, 'bian_release', bian_release)), false);
END $$;
COMMENT ON FUNCTION standin.capability_alter(text, text, text, boolean, interval, text) IS 'changes what is given of a capability. Errors: 42704 unknown capability, 22004 an important service without tolerance, 22023 an option out of range';
CREATE FUNCTION standin.capability_define(
    capability text, bian_domain text, owner text, important_service boolean DEFAULT NULL,
    impact_tolerance interval DEFAULT NULL, bian_release text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.capability_write(capability, standin_private.option_given(jsonb_build_object('bian_domain', bian_domain,
        'owner', owner, 'important_service', important_service, 'impact_tolerance', impact_tolerance, 'bian_release', bian_release)), NULL);
END $$;
COMMENT ON FUNCTION standin.capability_define(text, text, text, boolean, interval, text) IS 'capability_create, or capability_alter if the capability exists; superseded by these two. Errors: theirs';
CREATE FUNCTION standin.capability_reset(capability text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.capability_write(capability, standin_private.option_defaults('capability', option), false);
END $$;
COMMENT ON FUNCTION standin.capability_reset(text, text[]) IS 'brings options of a capability back to their defaults. Errors: 42704 unknown capability or option, 22023 an option that has no default, 22004 an important service without tolerance';
CREATE FUNCTION standin.capability_drop(capability text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.caller();
    DELETE FROM standin_private.capability c WHERE c.capability = capability_drop.capability;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'capability "%" does not exist', capability USING ERRCODE = 'undefined_object', HINT = 'The view standin.capabilities lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.capability_drop(text) IS 'takes a capability out of the register; operations that name it stay as they are. Errors: 42704 unknown capability';
COMMENT ON VIEW standin.capabilities IS 'who answers what: each capability, the core and operations behind it, and whether the core or stand-in answers now';
GRANT EXECUTE ON FUNCTION standin.capability_create, standin.capability_alter, standin.capability_reset, standin.capability_drop, standin.capability_define
    TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.clock_now() TO standin_operator, standin_approver, standin_auditor, standin_admin;
GRANT SELECT ON standin.capabilities TO standin_operator, standin_approver, standin_auditor, standin_admin;
CREATE OR REPLACE VIEW standin_private.worker_wanted AS
SELECT w.kind, w.key, w.role, coalesce(r.rolcanlogin, w.role IS NULL) AS rolcanlogin, w.outward
FROM (
    SELECT NULL::text AS kind, NULL::text AS key, NULL::oid AS role, NULL::boolean AS outward WHERE false
    UNION ALL SELECT * FROM standin_private.cdc_workers
    UNION ALL SELECT * FROM standin_private.workflow_workers
    UNION ALL SELECT * FROM standin_private.schedule_workers
    UNION ALL SELECT * FROM standin_private.standin_workers
    UNION ALL SELECT * FROM standin_private.outbox_workers
) w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin_private.worker_wanted IS 'the workers this database should have; the supervisor makes it so. A role of 0 does not exist any more';
CREATE VIEW standin_private.option_object (object, relation, key) AS VALUES
    ('source', 'cdc_source', '{source}'::text[]),
    ('table', 'cdc_table', '{source,topic}'),
    ('core', 'core', '{core}'),
    ('operation', 'operation', '{core,operation}'),
    ('rule', 'rule', '{core,operation,rule,window,account}'),
    ('capability', 'capability', '{capability}'),
    ('schedule', 'schedule', '{schedule}'),
    ('relay', 'outbox_relay', '{relay}'),
    ('outbox_topic', 'outbox_topic', '{topic}');
COMMENT ON VIEW standin_private.option_object IS 'kinds of objects that have options, with the table and the key of each; standin_private has a function ..._validate(row) for each of the tables';
CREATE VIEW standin_private.option AS
SELECT o.object, o.name, o.type, o.default_value, o.allowed, o.meaning, NOT a.attnotnull AS nullable
FROM (SELECT * FROM standin_private.cdc_option
      UNION ALL SELECT * FROM standin_private.standin_option
      UNION ALL SELECT * FROM standin_private.capability_option
      UNION ALL SELECT * FROM standin_private.schedule_option
      UNION ALL SELECT * FROM standin_private.outbox_option) o (object, name, type, default_value, allowed, meaning)
JOIN standin_private.option_object k USING (object)
JOIN pg_class c ON c.relname = k.relation AND c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = 'standin_private')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = o.name;
COMMENT ON VIEW standin_private.option IS 'every option. allowed: "a | b" one of these, "1 .. 9" or "1 .." a range, "~ x" what matches x, null any value of the type';
CREATE VIEW standin.options AS
SELECT o.object, k.name, o.name AS option, k.settings ->> o.name AS value, o.default_value AS "default"
FROM standin_private.option o
JOIN (SELECT 'source' AS object, source AS name, to_jsonb(s) AS settings FROM standin_private.cdc_source s
      UNION ALL SELECT 'table', source || ' ' || topic, to_jsonb(t) FROM standin_private.cdc_table t
      UNION ALL SELECT 'core', core, to_jsonb(c) FROM standin_private.core c
      UNION ALL SELECT 'operation', core || ' ' || operation, to_jsonb(p) FROM standin_private.operation p
      UNION ALL SELECT 'rule', concat_ws(' ', core, operation, rule, nullif("window", ''), 'account ' || nullif(account, '*')), to_jsonb(r) FROM standin_private.rule r
      UNION ALL SELECT 'capability', capability, to_jsonb(y) FROM standin_private.capability y
      UNION ALL SELECT 'schedule', schedule, to_jsonb(h) FROM standin_private.schedule h
      UNION ALL SELECT 'relay', relay, to_jsonb(w) FROM standin_private.outbox_relay w
      UNION ALL SELECT 'outbox_topic', topic, to_jsonb(e) FROM standin_private.outbox_topic e) k USING (object);
COMMENT ON VIEW standin.options IS 'the options in force of every source, table, core, operation, rule, capability, schedule, relay and topic that is published to; ..._alter sets, ..._reset takes back';
COMMENT ON COLUMN standin.options.name IS 'of the object; what belongs to a source or a core begins with its name';
COMMENT ON COLUMN standin.options.value IS 'as text; null: none';
COMMENT ON COLUMN standin.options."default" IS 'what a new object has and ..._reset brings back; null: none';
GRANT SELECT ON standin.options TO standin_operator, standin_auditor, standin_admin;
CREATE OR REPLACE FUNCTION standin_private.append_only() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'rows of "%" are never %', tg_table_name, CASE tg_op WHEN 'UPDATE' THEN 'changed' ELSE 'taken away' END
        USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'It is a log: rows are only added.';
END $$;
COMMENT ON FUNCTION standin_private.append_only() IS 'refuses to change or to take away rows of a log; a trigger''s condition says which change is none';
DO $$
DECLARE
    log record;
BEGIN
    FOR log IN SELECT * FROM (VALUES
        ('decision', NULL::text[], NULL, NULL),
        ('core_answer', NULL, NULL, NULL),
        ('core_event', NULL, NULL, NULL),
        ('repair', NULL, NULL, NULL),
        ('difference', NULL, NULL, NULL),
        ('account_list_change', NULL, NULL, NULL),
        ('rule_change', NULL, NULL, NULL),
        ('transaction_key', NULL, NULL, NULL),
        ('core_mode_change', NULL, NULL, NULL),
        ('cdc_difference', NULL, NULL, NULL),
        ('workflow_attempt', NULL, NULL, NULL),
        ('outbox_discarded', NULL, NULL, NULL),
        ('outbox_adoption', ARRAY['applied_at', 'mark'], 'old.applied_at IS NULL AND new.applied_at IS NOT NULL', NULL),
        ('workflow_step', NULL, NULL, 'workflow_step_guard'),
        ('workflow_run', NULL, NULL, 'workflow_run_guard'),
        ('pending_transaction', NULL, NULL, 'pending_transaction_guard'),
        ('episode', ARRAY['closed_at', 'closed_epoch', 'closed_because'], 'old.closed_at IS NULL AND new.closed_at IS NOT NULL', NULL),
        ('instance', ARRAY['superseded_by'], 'old.superseded_by IS NULL AND new.superseded_by IS NOT NULL', NULL),
        ('cdc_verification', ARRAY['state', 'rows_compared', 'differences', 'unsettled', 'progress_at'],
         $when$old.state = 'running'$when$, NULL),
        -- What was discarded before its column became confidential is hidden afterwards; what was discarded may be taken back, once.
        ('kafka_dead_letter_discarded', ARRAY['key', 'value', 'headers', 'redacted', 'restored_at', 'restored_by'],
         $when$CASE WHEN new.restored_at IS DISTINCT FROM old.restored_at OR new.restored_by IS DISTINCT FROM old.restored_by
                    THEN old.restored_at IS NULL AND new.restored_at IS NOT NULL AND new.restored_by IS NOT NULL
                     AND (new.key, new.value, new.headers, new.redacted) IS NOT DISTINCT FROM (old.key, old.value, old.headers, old.redacted)
                    ELSE new.redacted AND new.key IS NULL AND new.value IS NULL AND new.headers = '[]' END$when$, NULL)) l (name, once, condition, guard)
    LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE %2$s ON standin_private.%1$I'
                       ' FOR EACH ROW EXECUTE FUNCTION standin_private.append_only()', log.name,
                       CASE WHEN coalesce(log.condition, log.guard) IS NULL THEN 'UPDATE OR DELETE' ELSE 'DELETE' END);
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON standin_private.%I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION standin_private.append_only()', log.name);
        IF log.condition IS NOT NULL THEN
            EXECUTE format('CREATE TRIGGER append_only_update BEFORE UPDATE ON standin_private.%I'
                           ' FOR EACH ROW WHEN ((%s) IS NOT TRUE OR to_jsonb(new) - %L::text[] IS DISTINCT FROM to_jsonb(old) - %3$L::text[])'
                           ' EXECUTE FUNCTION standin_private.append_only()', log.name, log.condition, log.once);
            log.guard := 'append_only_update';
        END IF;
        EXECUTE format('ALTER TABLE standin_private.%1$I ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate%2$s',
                       log.name, ', ENABLE ALWAYS TRIGGER ' || quote_ident(log.guard));
    END LOOP;
END $$;
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
COMMENT ON FUNCTION standin_private.extension_announce() IS 'tells the launcher, at commit, that this database has the extension';
REVOKE ALL ON FUNCTION standin_private.extension_announce() FROM PUBLIC;
-- Application workers go on with what they could claim before.
INSERT INTO standin_private.workflow_grant (name, role, privilege, granted_by)
SELECT DISTINCT name, 'standin_app'::name, 'claim', current_user FROM standin_private.workflow_definition WHERE procedure IS NULL;
-- Whoever has standin_app goes on as before, with bare keys, until an administrator grants otherwise.
INSERT INTO standin_private.operation_grant (core, operation, role, channel, granted_by, granted_at)
SELECT core, '*', 'standin_app', '', current_user, now() FROM standin_private.core;
-- Each account's oldest queued transaction is the head of its queue.
INSERT INTO standin_private.account_queue (core, account, ticket, capability, state, due_at)
SELECT DISTINCT ON (core, account) core, account, ticket, capability, state, coalesce(due_at, '-infinity')
FROM standin_private.pending_transaction WHERE state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
ORDER BY core, account, ticket;
