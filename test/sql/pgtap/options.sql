-- One convention for settings: _create, _alter, _reset, _drop, and one catalogue of options with one wording.
BEGIN;
SELECT plan(42);

CREATE SERVER options_kafka FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE SERVER options_core FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1');
CREATE ROLE options_owner;
GRANT USAGE, CREATE ON SCHEMA public TO options_owner;
CREATE TABLE options_target (id int PRIMARY KEY, name text);
ALTER TABLE options_target OWNER TO options_owner;

-- What each object is made by, and how one option of it is set.
CREATE TEMP TABLE object (object text, name text, made text, alter text, reset text);
INSERT INTO object VALUES
    ('source', 'opt', $$standin.cdc_source_create('opt', 'options_kafka', paused => true)$$, $$standin.cdc_source_alter('opt', %s)$$, $$standin.cdc_source_reset('opt', %s)$$),
    ('table', 'opt t', $$standin.cdc_table_add('opt', 't', 'options_target')$$, $$standin.cdc_table_alter('opt', 't', %s)$$, $$standin.cdc_table_reset('opt', 't', %s)$$),
    ('core', 'opt', $$standin.core_create('opt', server => 'options_core')$$, $$standin.core_alter('opt', %s)$$, $$standin.core_reset('opt', %s)$$),
    ('operation', 'opt pay', $$standin.operation_create('opt', 'pay')$$, $$standin.operation_alter('opt', 'pay', %s)$$, $$standin.operation_reset('opt', 'pay', %s)$$),
    ('rule', 'opt * available_balance', $$standin.rule_create('opt', 'available_balance')$$, $$standin.rule_alter('opt', 'available_balance', %s)$$,
     $$standin.rule_reset('opt', 'available_balance', '*', '', '*', %s)$$),
    ('capability', 'Opt', $$standin.capability_create('Opt', 'PaymentOrder', 'somebody')$$, $$standin.capability_alter('Opt', %s)$$, $$standin.capability_reset('Opt', %s)$$),
    ('schedule', 'opt', $$standin.schedule_create('opt', 'opt', '@yearly')$$, $$standin.schedule_alter('opt', %s)$$, $$standin.schedule_reset('opt', %s)$$),
    ('relay', 'opt', $$standin.outbox_relay_create('opt', 'options_kafka', 'opt.marks')$$, $$standin.outbox_relay_alter('opt', %s)$$, $$standin.outbox_relay_reset('opt', %s)$$),
    ('outbox_topic', 'opt.topic', $$standin.outbox_topic_create('opt.topic', 'opt')$$, $$standin.outbox_topic_alter('opt.topic', %s)$$, $$standin.outbox_topic_reset('opt.topic', %s)$$);
SELECT standin.workflow_define('opt');

SELECT lives_ok('SELECT ' || made, made) FROM object;
SELECT throws_ok('SELECT ' || made, '42710', NULL, 'a second time: ' || made) FROM object;
SELECT bag_eq($$ SELECT DISTINCT object FROM standin_private.option $$, $$ SELECT object FROM object $$, 'each kind of object is tried');
SELECT is_empty($$ SELECT c.name, c.object FROM standin_private.option c
    WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = 'standin'::regnamespace AND c.name = ANY (p.proargnames)
                      AND p.proname = (SELECT relation FROM standin_private.option_object k WHERE k.object = c.object) || '_alter')
      AND (c.object, c.name) <> ('table', 'kind') $$, 'each option is a parameter of its _alter');
SELECT is_empty($$ SELECT o.object, o.option, o.value, o."default" FROM standin.options o JOIN object USING (object, name)
    WHERE value IS DISTINCT FROM "default" AND o.option NOT IN ('server', 'owner', 'bian_domain', 'workflow', 'cron', 'mark_topic') $$, 'a new object has the defaults, as the catalogue writes them');

-- A value of each option that it may have, and one that it may not.
CREATE TEMP TABLE try AS
SELECT c.object, c.name, c.type, c.default_value,
       CASE WHEN c.allowed LIKE '~ %' OR c.allowed IS NULL THEN NULL
            WHEN c.allowed LIKE '%..%' THEN btrim(split_part(c.allowed, '..', CASE WHEN c.allowed LIKE c.default_value || ' ..%' THEN 2 ELSE 1 END))
            ELSE (SELECT a FROM unnest(string_to_array(c.allowed, ' | ')) a WHERE a <> c.default_value LIMIT 1) END AS good,
       CASE WHEN c.allowed LIKE '~ .' THEN ARRAY['']
            WHEN c.allowed LIKE '~ %' THEN ARRAY['not/allowed ']
            WHEN c.type = 'interval' THEN ARRAY['-1 second', CASE WHEN c.allowed LIKE '%.. _%' THEN '1 year' END]
            WHEN c.allowed LIKE '%..%' THEN ARRAY['-1', CASE WHEN c.allowed LIKE '%.. _%' THEN '2147483647' END, CASE WHEN c.type = 'double precision' THEN 'NaN' END]
            ELSE ARRAY['nonsense'] END AS bad
FROM standin_private.option c WHERE c.allowed IS NOT NULL AND (c.object, c.name) <> ('table', 'kind');

CREATE FUNCTION pg_temp.attempt(command text, OUT code text, OUT message text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT ' || command;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END $$;
SELECT ok(count(*) > 60, 'many values out of range are tried') FROM try, unnest(bad) b WHERE b IS NOT NULL;
SELECT is_empty($$ SELECT t.object, t.name, b, a.* FROM try t JOIN object o USING (object), unnest(t.bad) b,
    pg_temp.attempt(format(o.alter, format('%I => %L::%s', t.name, b, t.type))) a
    WHERE b IS NOT NULL AND (a.code = '22023' AND a.message LIKE format('invalid value for option "%s": "%%"', t.name) AND a.hint <> '') IS NOT TRUE $$,
    'each option out of its range has the one wording');

-- One option changed: all the others stay. One reset: only that one comes back.
CREATE TEMP TABLE before AS SELECT * FROM standin.options;
CREATE FUNCTION pg_temp.differences() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format('%s.%s', n.object, n.option), ' ') FROM standin.options n JOIN before b USING (object, name, option) WHERE n.value IS DISTINCT FROM b.value $$;
CREATE FUNCTION pg_temp.one_by_one() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    t record;
    altered text;
    back text;
BEGIN
    FOR t IN SELECT y.*, o.alter, o.reset FROM try y JOIN object o USING (object)
             WHERE y.good IS NOT NULL AND y.name NOT IN ('consistency', 'connector', 'on_message', 'on_gap', 'connections_maximum', 'foreign_keys', 'hold_release', 'maximum_count', 'maximum_age') LOOP
        EXECUTE 'SELECT ' || format(t.alter, format('%I => %L::%s', t.name, t.good, t.type));
        altered := pg_temp.differences();
        EXECUTE 'SELECT ' || format(t.reset, quote_literal(t.name));
        back := pg_temp.differences();
        IF altered IS DISTINCT FROM t.object || '.' || t.name OR back IS NOT NULL THEN
            RETURN NEXT format('%s.%s: altered %s, after the reset %s', t.object, t.name, altered, back);
        END IF;
    END LOOP;
END $$;
SELECT is_empty($$ SELECT pg_temp.one_by_one() $$, 'what is not given stays, and a reset takes back what it names');

SELECT is(a.message || ' ' || (a.hint LIKE 'It is one of: %'), 'unrecognized option "wrokers" true', object)
FROM object, pg_temp.attempt(format(reset, $$'wrokers'$$)) a;
SELECT throws_ok($$ SELECT standin.cdc_table_reset('opt', 't', 'kind') $$, '0A000');
SELECT throws_ok($$ SELECT standin.capability_reset('Opt', 'owner') $$, '22023', 'invalid value for option "owner": null');
SELECT throws_ok($$ SELECT standin.core_alter('nowhere', rise => 3) $$, '42704');
SELECT throws_ok($$ SELECT standin.schedule_reset('opt', 'cron') $$, '22023', 'invalid value for option "cron": null');

-- What cannot be unset by _alter, where null means not given.
SELECT standin.cdc_source_alter('opt', schema_topic => 's', signal_table => 'options_target', workers => 3);
SELECT standin.cdc_source_reset('opt', 'schema_topic', 'signal_table', 'workers');
SELECT is_empty($$ SELECT option FROM standin.options WHERE (object, name) = ('source', 'opt') AND value IS DISTINCT FROM "default" $$, 'several at once');
SELECT throws_like($$ SELECT standin.cdc_source_alter('opt', signal_topic => 'a b') $$, 'invalid value for option "signal_topic": "a b"');

-- Drops refuse while there is open work.
INSERT INTO standin_private.pending_transaction (ticket, account, core, capability, operation, key, amount, payload, promised, epoch, accepted_at, changed_at, state)
VALUES (1, 'a', 'opt', 'payments', 'pay', 'k', 1, '{}', true, 1, now(), now(), 'accepted');
SELECT throws_ok($$ SELECT standin.core_drop('opt') $$, '55006', 'core "opt" cannot be dropped because some transactions depend on it');
SELECT throws_ok($$ SELECT standin.operation_drop('opt', 'pay') $$, '55006');
UPDATE standin_private.pending_transaction SET state = 'cancelled';
SELECT lives_ok($$ SELECT standin.operation_drop('opt', 'pay') $$);
SET CONSTRAINTS ALL IMMEDIATE;

SELECT * FROM finish();
ROLLBACK;
