-- What is not given of a core, an operation, a rule, a balance, a capability or a workflow stays as it is.
\set VERBOSITY terse
CREATE ROLE define_role;
CREATE SCHEMA define_schema;
GRANT USAGE ON SCHEMA define_schema TO PUBLIC;
CREATE FUNCTION define_schema.post(text, text, jsonb, OUT status text, OUT reference text, OUT message text) LANGUAGE sql AS $$ SELECT 'posted', '', '' $$;
CREATE FUNCTION define_schema.witness(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT $2 $$;
SELECT standin.core_define('kept', 'function', connector_role => 'define_role', post_function => 'define_schema.post', probe_interval => '7 s', rise => 5,
    fall => 6, minimum_dwell => '8 s', call_timeout => '9 s', backlog_ceiling => 10, replay_rate => 11, replay_connections => 12, attempts_maximum => 13,
    time_zone => 'Europe/Zurich', connections_maximum => 44, answer_kilobytes => 65, hold_release => 'watermark',
    witness_function => 'define_schema.witness');
CREATE TEMP TABLE core_before AS SELECT * FROM standin_private.core;
SELECT standin.core_define('kept', rise => 3);
SELECT key, b.value AS before, a.value AS after
FROM core_before t, jsonb_each_text(to_jsonb(t)) b JOIN (SELECT x.* FROM standin_private.core c, jsonb_each_text(to_jsonb(c)) x) a USING (key)
WHERE a.value IS DISTINCT FROM b.value;

SELECT standin.operation_define('kept', 'transfer', capability => 'PaymentOrder', account_field => 'iban', amount_field => 'sum', required => '{"to": "string"}',
    direction => 'credit', dedup => 'key', standin_allowed => true, on_reject => 'continue');
CREATE TEMP TABLE operation_before AS SELECT * FROM standin_private.operation;
SELECT standin.operation_define('kept', 'transfer', dedup => 'inquiry');
SELECT key, b.value AS before, a.value AS after
FROM operation_before t, jsonb_each_text(to_jsonb(t)) b JOIN (SELECT x.* FROM standin_private.operation o, jsonb_each_text(to_jsonb(o)) x) a USING (key)
WHERE a.value IS DISTINCT FROM b.value;
SELECT capability, mode FROM standin.core_status WHERE core = 'kept';

SELECT standin.rule_define('kept', 'per_transaction_limit', 100, mode => 'monitor');
SELECT standin.rule_define('kept', 'per_transaction_limit', 200);
SELECT standin.rule_define('kept', 'cumulative_limit', 5, "window" => 'episode');
SELECT standin.rule_define('kept', 'cumulative_limit', "window" => 'episode', mode => 'off');
SELECT rule, amount, mode FROM standin_private.rule WHERE core = 'kept' ORDER BY rule;

CREATE TABLE define_schema.balance (account text PRIMARY KEY, balance numeric, as_of timestamptz);
GRANT SELECT ON define_schema.balance TO standin_owner;
SELECT standin.balance_bind('kept', 'define_schema.balance', 'account', 'balance', 'as_of');
SELECT standin.balance_bind('kept', 'define_schema.balance', 'account', 'balance');
SELECT as_of_column FROM standin_private.balance_source WHERE core = 'kept';

SELECT standin.capability_define('Kept', 'PaymentOrder', 'payments team', true, '1 hour', '13');
SELECT standin.capability_define('Kept', 'PaymentOrder', 'another team');
SELECT owner, important_service, impact_tolerance, bian_release FROM standin.capabilities WHERE capability = 'Kept';

CREATE PROCEDURE define_schema.flow(input jsonb) LANGUAGE plpgsql AS $$ BEGIN END $$;
SELECT standin.workflow_define('kept', 'define_schema.flow(jsonb)', recovery_limit => 3);
SELECT standin.workflow_define('kept', recovery_limit => 4);
SELECT version, procedure, recovery_limit FROM standin_private.workflow_definition WHERE name = 'kept' ORDER BY version;

-- Functions have their form; '' takes one away.
SELECT standin.core_define('kept', witness_function => 'define_schema.post');
SELECT standin.core_define('kept', witness_function => '');
SELECT witness, (SELECT found FROM standin.preflight() WHERE check_name = 'core_witness') FROM standin.core_status WHERE core = 'kept';

-- Another kind of connector shares nothing with the one before; '' takes a function away.
SELECT standin.core_define('kept', 'postgres');
SELECT standin.core_define('kept', inquire_function => 'define_schema.missing');
SELECT standin.core_define('kept', inquire_function => '');
