-- Rules of stand-in, kind by kind, through transaction_submit: what each asks, where it looks, and that an unknown is no yes.
BEGIN;
SELECT plan(82);
CREATE SERVER r FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1');
SELECT standin.core_create('r', server => 'r');
SELECT standin.operation_create('r', 'pay', standin_allowed => true, dedup => 'key');
SELECT standin.operation_create('r', 'card', standin_allowed => true, dedup => 'key');
SELECT standin.operation_create('r', 'deposit', standin_allowed => true, dedup => 'key', direction => 'credit');
CREATE TABLE position (account text PRIMARY KEY, amount numeric, as_of timestamptz, status text, overdraft boolean);
GRANT SELECT ON position TO standin_owner;
INSERT INTO position SELECT a, 100, standin_private.clock_now(), 'open', false FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'g']) a;
SELECT throws_ok($$ SELECT standin.balance_bind('r', 'position', 'account', 'amount', overdraft_column => 'status') $$, '42804');
SELECT throws_ok($$ SELECT standin.balance_bind('r', 'position', 'account', 'amount', status_column => 'none') $$, '42703');
SELECT standin.balance_bind('r', 'position', 'account', 'amount', 'as_of', 'status', 'overdraft');
SELECT standin.core_switch('r', 'forced_stand_in', 'a test');
CREATE FUNCTION pay(account text, amount numeric, operation text DEFAULT 'pay') RETURNS text LANGUAGE sql AS $$
    SELECT code FROM standin.transaction_submit('r', operation, gen_random_uuid()::text, jsonb_build_object('account', account, 'amount', amount)) $$;

-- What a rule may say
SELECT throws_ok(format('SELECT standin.rule_create(%L, %s)', 'r', arguments), '22023', NULL, arguments) FROM unnest(ARRAY[
    $$'gamble'$$, $$'floor'$$, $$'staleness'$$, $$'staleness', maximum_age => '-1 s'$$, $$'account_status'$$, $$'account_status', statuses => ' , '$$,
    $$'cutoff_window'$$, $$'cutoff_window', hours => '8-17'$$, $$'cutoff_window', hours => '08:00-24:00'$$, $$'velocity_count', maximum_count => 3$$,
    $$'velocity_count', maximum_count => 0, "window" => 'episode'$$, $$'velocity_count', maximum_count => 1001, "window" => '1 hour'$$,
    $$'velocity_count', maximum_count => 3, "window" => 'for ever'$$, $$'velocity_count', maximum_count => 3, "window" => '2 months'$$,
    $$'velocity_count', maximum_count => 3, "window" => '0 s'$$, $$'cumulative_limit', 5, "window" => '1 hour'$$, $$'block_list', 5$$,
    $$'block_list', "window" => 'episode'$$, $$'block_list', code => '00'$$, $$'block_list', code => 'xx'$$, $$'block_list', account => ''$$,
    $$'block_list', effective_from => '2026-02-01', effective_to => '2026-02-01'$$]) arguments;
SELECT throws_ok($$ SELECT standin.rule_create('r', 'block_list', account => NULL) $$, '22004');
SELECT is((SELECT count(*) FROM standin.rules), 0::bigint, 'nothing is left of them');

-- Most specific first; a rule that is off for an account frees it.
SELECT standin.rule_create('r', 'per_transaction_limit', 10);
SELECT standin.rule_create('r', 'per_transaction_limit', 20, operation => 'card');
SELECT standin.rule_create('r', 'per_transaction_limit', 30, account => 'b');
SELECT is(pay('a', 11), '61');
SELECT is(pay('a', 11, 'card'), '09', 'the operation''s own');
SELECT is(pay('b', 21, 'card'), '09', 'an account''s rule stands before an operation''s');
SELECT is(pay('b', 31), '61');
SELECT standin.rule_alter('r', 'per_transaction_limit', account => 'b', mode => 'off');
SELECT is(pay('b', 31), '09');
SELECT standin.rule_alter('r', 'per_transaction_limit', effective_from => standin_private.clock_now() + interval '1 hour');
SELECT is(pay('a', 11), '09', 'not in force yet');
SELECT is((SELECT in_force FROM standin.rules WHERE (operation, account) = ('*', '*')), false);
SELECT standin.rule_alter('r', 'per_transaction_limit', effective_from => standin_private.clock_now(), code => '13');
SELECT is(pay('a', 11), '13', 'a code of its own');
SELECT standin.rule_drop('r', 'per_transaction_limit', '*', '', 'b'), standin.rule_drop('r', 'per_transaction_limit'), standin.rule_drop('r', 'per_transaction_limit', 'card');

-- Minimum
SELECT standin.rule_create('r', 'per_transaction_minimum', 1);
SELECT is(pay('a', 0.99), '13');
SELECT standin.operation_create('r', 'brief', standin_allowed => true), standin.rule_create('r', 'floor', 1, operation => 'brief'), standin.operation_drop('r', 'brief');
SELECT is((SELECT count(*) FROM standin.rule_changes WHERE operation = 'brief' AND rule_after IS NULL), 1::bigint, 'what goes with its operation is kept as well');
SELECT standin.rule_drop('r', 'per_transaction_minimum');

-- Lists
SELECT standin.rule_create('r', 'block_list');
SELECT throws_ok($$ SELECT standin.account_list_add('r', 'grey', 'a', 'why') $$, '22023');
SELECT throws_ok($$ SELECT standin.account_list_add('r', 'block', 'a', '') $$, '22023');
SELECT throws_ok($$ SELECT standin.account_list_remove('r', 'block', 'a', 'why') $$, '42704');
SELECT standin.account_list_add('r', 'block', 'a', 'a card was stolen');
SELECT is(pay('a', 1), '62', 'blocked during stand-in');
SELECT is(pay('a', 1, 'deposit'), '62', 'for credits too');
SELECT standin.account_list_add('r', 'block', 'a', 'found again in an hour', standin_private.clock_now());
SELECT is(pay('a', 1), '09', 'the block is over');
SELECT standin.account_list_remove('r', 'block', 'a', 'found');
SELECT is((SELECT string_agg(reason, '; ' ORDER BY change) FROM standin.account_list_changes), 'a card was stolen; found again in an hour; found');
SELECT standin.rule_create('r', 'allow_list', operation => 'card');
SELECT is(pay('a', 1, 'card') || pay('a', 1), '6209');
SELECT standin.account_list_add('r', 'allow', 'a', 'a pilot');
SELECT is(pay('a', 1, 'card'), '09');
SELECT standin.rule_drop('r', 'allow_list', 'card'), standin.rule_drop('r', 'block_list');

-- Status, age and consent
SELECT standin.rule_create('r', 'account_status', statuses => 'open, new');
SELECT is(pay('c', 1) || pay('nobody', 1), '0914');
UPDATE position SET status = 'dormant' WHERE account = 'c';
SELECT is(pay('c', 1), '62');
UPDATE position SET status = NULL WHERE account = 'c';
SELECT is(pay('c', 1), '91', 'an unknown status is no yes');
SELECT standin.rule_drop('r', 'account_status');
SELECT standin.rule_create('r', 'staleness', maximum_age => '10 minutes');
SELECT is(pay('c', 1), '09');
UPDATE position SET as_of = as_of - interval '11 minutes' WHERE account = 'c';
SELECT is(pay('c', 1), '91');
SELECT is((SELECT message FROM standin.decisions ORDER BY ticket DESC LIMIT 1), 'balance too old');
UPDATE position SET as_of = 'infinity' WHERE account = 'c';
SELECT is(pay('c', 1), '91', 'an age that is none is no yes');
SELECT standin.rule_create('r', 'available_balance', 1000), standin.rule_create('r', 'floor', 5);
SELECT is(pay('c', 5) || pay('nobody', 5), '0914', 'up to the floor funds are not asked for, of an account that exists');
SELECT standin.rule_drop('r', 'staleness'), standin.rule_drop('r', 'floor');
SELECT standin.rule_create('r', 'opt_in_overdraft');
SELECT is(pay('d', 100.01) || pay('d', 100), '5109');
UPDATE position SET overdraft = true WHERE account = 'd';
SELECT is(pay('d', 5), '09');
SELECT standin.rule_drop('r', 'opt_in_overdraft'), standin.rule_drop('r', 'available_balance');

-- Counts
SELECT standin.rule_create('r', 'velocity_count', maximum_count => 2, "window" => '600 seconds');
SELECT throws_ok($$ SELECT standin.rule_create('r', 'velocity_count', maximum_count => 2, "window" => '10 minutes') $$, '42710', NULL, 'the same window');
SELECT is(pay('e', 1) || pay('e', 1) || pay('e', 1), '090965');
SELECT is(pay('e', 1, 'deposit'), '09', 'of debits only');
SELECT standin.rule_alter('r', 'velocity_count', "window" => '10 minutes', mode => 'monitor');
SELECT is(pay('e', 1), '09', 'a monitored rule only speaks');
SELECT is((SELECT cardinality(recent) FROM standin_private.account WHERE account = 'e'), 2, 'no more is kept than is looked at');
SELECT standin.rule_alter('r', 'velocity_count', "window" => '10 minutes', mode => 'enforce');
UPDATE standin_private.account SET recent = ARRAY[recent[1] - 600000001, recent[2]] WHERE account = 'e';
SELECT is(pay('e', 1) || pay('e', 1), '0965');
SELECT standin.rule_create('r', 'velocity_count', maximum_count => 5, "window" => 'business_day');
SELECT standin.rule_drop('r', 'velocity_count', "window" => '10 minutes');
SELECT is(pay('e', 1) || pay('e', 1), '0965', 'a day counts from its begin');
SELECT standin.rule_drop('r', 'velocity_count', "window" => 'business_day');

-- Evaluated, not written
SELECT standin.rule_create('r', 'available_balance'), standin.rule_create('r', 'per_transaction_limit', 50, mode => 'monitor');
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM standin_private.decision) AS decisions, (SELECT count(*) FROM standin_private.account) AS accounts;
SELECT results_eq($$ SELECT rule, mode, code, detail, decides FROM standin.rule_evaluate('r', 'pay', '{"account": "f", "amount": 100.5}') $$,
    $$ VALUES ('allowed_operation', 'enforce', '00', NULL, false), ('per_transaction_limit', 'monitor', '61', '100.5 is over 50', false),
              ('available_balance', 'enforce', '51', '100.5 is over available 100', true) $$);
SELECT throws_ok($$ SELECT standin.rule_evaluate('r', 'pay', '{"amount": 1}') $$, '22023');
SELECT throws_ok($$ SELECT standin.rule_evaluate('r', 'gamble', '{"account": "f", "amount": 1}') $$, '42704');
SELECT throws_ok($$ SELECT standin.rule_evaluate('r', 'pay', NULL) $$, '22004');
SELECT results_eq('SELECT (SELECT count(*) FROM standin_private.decision), (SELECT count(*) FROM standin_private.account)', 'SELECT * FROM before');

-- Time
SELECT standin.rule_create('r', 'cutoff_window', hours => '00:00-00:00', operation => 'card');
SELECT is(pay('g', 1, 'card') || pay('g', 1), '9009');
SELECT standin.rule_create('r', 'episode_age', 10, "window" => '1 hour'), standin.rule_create('r', 'episode_age', "window" => '1 day');
SELECT is(pay('g', 11), '09');
SELECT standin_private.clock_advance(interval '1 hour');
SELECT is(pay('g', 11) || pay('g', 10), '6109');
SELECT standin_private.clock_advance(interval '1 day');
SELECT is(pay('g', 1), '57');
SELECT is_empty('SELECT * FROM standin.conservation_faults');

-- Every change is kept: made, changed, taken away, and a change to the same is none.
SELECT standin.rule_alter('r', 'episode_age', 11, "window" => '60 minutes'), standin.rule_alter('r', 'episode_age', 11, "window" => '60 minutes');
SELECT results_eq($$ SELECT (rule_before -> 'amount')::numeric, (rule_after -> 'amount')::numeric, changed_by = session_user
    FROM standin.rule_changes WHERE rule = 'episode_age' AND "window" = '01:00:00' ORDER BY change $$,
    $$ VALUES (NULL, 10::numeric, true), (10::numeric, 11::numeric, true) $$);
SELECT results_eq($$ SELECT rule_before IS NULL, rule_after IS NULL FROM standin.rule_changes WHERE rule = 'floor' AND operation = '*' ORDER BY change $$, $$ VALUES (true, false), (false, true) $$);

-- An account has one name: what is said of another one would never be found.
CREATE TABLE numbered (id int PRIMARY KEY, amount numeric);
GRANT SELECT ON numbered TO standin_owner;
INSERT INTO numbered VALUES (4711, 100);
SELECT standin.rule_create('r', 'per_transaction_limit', 5, account => 'old');
SELECT standin.balance_bind('r', 'numbered', 'id', 'amount');
SELECT throws_ok(format('SELECT %s', call), '22023', message, call) FROM (VALUES
    ($$standin.account_list_add('r', 'block', '04711', 'a card was stolen')$$, 'account "04711" is written "4711" in table numbered'),
    ($$standin.account_list_add('r', 'block', 'x', 'a card was stolen')$$, 'account "x" cannot be one of table numbered'),
    ($$standin.rule_create('r', 'per_transaction_limit', 5, account => '04711')$$, 'account "04711" is written "4711" in table numbered'),
    ($$standin.rule_define('r', 'per_transaction_limit', 5, account => ' 4711')$$, 'account " 4711" is written "4711" in table numbered')) c (call, message);
SELECT lives_ok($$ SELECT standin.account_list_add('r', 'block', '4711', 'a card was stolen') $$);
SELECT lives_ok($$ SELECT standin.rule_create('r', 'per_transaction_limit', 5, account => '4711') $$);
SELECT lives_ok($$ SELECT standin.rule_alter('r', 'per_transaction_limit', account => 'old', mode => 'off') $$, 'what is there already can be switched off');
SELECT lives_ok($$ SELECT standin.account_list_remove('r', 'block', '4711', 'found') $$);

SELECT * FROM finish();
ROLLBACK;
