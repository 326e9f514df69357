-- Stand-in inside one transaction: definitions, edits, rules, states, conservation. Nothing here is committed.
BEGIN;
SELECT plan(89);

CREATE TABLE balances (account text PRIMARY KEY, amount numeric);
INSERT INTO balances VALUES ('a', 100), ('b', 1000), ('c', NULL),
    ('exact', 5.50000000000000000000), ('not a number', 'NaN'), ('endless', 'Infinity'), ('fine', 1.1234567890123), ('huge', 1e24);
GRANT SELECT ON balances TO standin_owner;
CREATE TABLE history (id int PRIMARY KEY, key text);
GRANT SELECT ON history TO standin_owner;

-- Servers and secrets
SELECT throws_like($$ CREATE SERVER s FOREIGN DATA WRAPPER standin_postgres OPTIONS (host 'core.example') $$, '%needs an option hostaddr');
SELECT throws_like($$ CREATE SERVER s FOREIGN DATA WRAPPER standin_postgres OPTIONS (dbname 'x') $$, 'option host or hostaddr is missing');
SELECT throws_like($$ CREATE SERVER s FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', password 'x') $$, 'option "password" is not known');
SELECT lives_ok($$ CREATE SERVER s FOREIGN DATA WRAPPER standin_postgres OPTIONS (host 'core.example', hostaddr '127.0.0.1', port '1') $$);
SELECT throws_like($$ CREATE USER MAPPING FOR standin_owner SERVER s OPTIONS (host '127.0.0.1') $$, 'option "host" is not known');
SELECT lives_ok($$ CREATE USER MAPPING FOR standin_owner SERVER s OPTIONS (user 'u', password 'geheim') $$);
CREATE ROLE somebody;
GRANT standin_admin TO somebody;
GRANT USAGE ON FOREIGN SERVER s TO somebody;
SET ROLE somebody;
SELECT throws_like($$ CREATE USER MAPPING FOR somebody SERVER s OPTIONS (user 'u', password_required 'false') $$, 'only superusers may set option%');
SELECT throws_like($$ CREATE SERVER t FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', sslrootcert '/etc/passwd') $$, 'only superusers may set option%');
SELECT is_empty($$ SELECT * FROM pg_user_mappings WHERE umoptions::text LIKE '%geheim%' $$, 'a password is not shown to others');
RESET ROLE;

-- Definitions
SELECT throws_ok($$ SELECT standin.core_define('c', server => 'nowhere') $$, '42704');
SELECT throws_ok($$ SELECT standin.core_define('C C', server => 's') $$, '42602');
SELECT throws_ok($$ SELECT standin.core_define('c', connector => 'pigeon') $$, '22023');
SELECT throws_ok($$ SELECT standin.core_define('c', connector => 'function', connector_role => 'nobody_here') $$, '42704');
SELECT throws_ok($$ SELECT standin.core_define('c', connector => 'function', connector_role => 'somebody', post_function => 'public.none') $$, '42883');
SELECT throws_ok($$ SELECT standin.core_define('c', server => 's', post_function => 'f(); drop table x') $$, '22023');
SELECT throws_ok($$ SELECT standin.core_define('c', server => 's', time_zone => 'Mars') $$, '22023');
SELECT throws_ok($$ SELECT standin.operation_define('c', 'pay') $$, '42704');
SELECT lives_ok($$ SELECT standin.core_define('c', server => 's') $$);
SELECT throws_ok($$ SELECT standin.operation_define('c', 'pay', required => '{"x": "uuid"}') $$, '22023');
SELECT throws_ok($$ SELECT standin.operation_define('c', 'pay', dedup => 'hope') $$, '22023');
SELECT lives_ok($$ SELECT standin.operation_define('c', 'pay', required => '{"currency": "string"}', dedup => 'key', standin_allowed => true) $$);
SELECT lives_ok($$ SELECT standin.operation_define('c', 'deposit', direction => 'credit', dedup => 'key', standin_allowed => true) $$);
SELECT lives_ok($$ SELECT standin.operation_define('c', 'loan', dedup => 'key') $$);
SELECT throws_ok($$ SELECT standin.rule_define('c', 'per_transaction_limit') $$, '22023');
SELECT throws_ok($$ SELECT standin.rule_define('c', 'per_transaction_limit', 10, operation => 'gamble') $$, '42704');
SELECT throws_ok($$ SELECT standin.rule_define('c', 'cumulative_limit', 10) $$, '22023');
SELECT throws_ok($$ SELECT standin.balance_bind('c', 'balances', 'account', 'nope') $$, '42703');
REVOKE SELECT ON balances FROM standin_owner;
SELECT throws_ok($$ SELECT standin.balance_bind('c', 'balances', 'account', 'amount') $$, '42501');
GRANT SELECT ON balances TO standin_owner;
ALTER TABLE balances ADD COLUMN rough float8, ADD COLUMN words text;
SELECT throws_ok(format($$ SELECT standin.balance_bind('c', 'balances', 'account', %L) $$, name), '42804',
                 format('column "%s" of table public.balances does not hold exact amounts', name)) FROM unnest(ARRAY['rough', 'words']) name;
SELECT lives_ok($$ SELECT standin.balance_bind('c', 'balances', 'account', 'amount') $$);
SELECT lives_ok($$ SELECT standin.reconciliation_bind('c', 'history', 'key') $$);

CREATE FUNCTION pay(key text, account text, amount numeric, operation text DEFAULT 'pay') RETURNS text LANGUAGE sql AS $$
    SELECT status || ' ' || code FROM standin.transaction_submit('c', operation, key,
        jsonb_build_object('account', account, 'amount', amount, 'currency', 'EUR')) $$;

-- Online the core decides: no rule of stand-in is asked, and the funds are held.
SELECT is(pay('online', 'b', 5), 'accepted 09');
SELECT is((SELECT decision || ' ' || mode FROM standin.decisions WHERE key = 'online'), 'forwarded online');

SELECT standin.core_switch('c', 'forced_stand_in', 'a test');
SELECT is((SELECT mode || ' ' || epoch FROM standin.core_status), 'forced_stand_in 2');
SELECT is((SELECT count(*) FROM standin.episodes WHERE closed_at IS NULL), 1::bigint);

-- Edits
SELECT throws_ok($$ SELECT standin.transaction_submit('nobank', 'pay', 'e', '{}') $$, '42704', 'core "nobank" is not defined');
SELECT throws_ok($$ SELECT standin.transaction_submit('c', 'gamble', 'e', '{}') $$, '42704', 'operation "gamble" of core "c" is not defined');
SELECT throws_ok($$ SELECT standin.transaction_submit('c', 'pay', 'e', '[]') $$, '22023', 'payload is not a JSON object');
SELECT throws_ok($$ SELECT standin.transaction_submit('c', 'pay', 'e', '{"amount": 1, "currency": "EUR"}') $$, '22023', 'payload has no account field "account"');
SELECT throws_ok($$ SELECT standin.transaction_submit('c', 'pay', 'e', '{"account": "a", "amount": [1], "currency": "EUR"}') $$, '22023', 'amount field "amount" has JSON type array, not number or string');
SELECT throws_ok($$ SELECT standin.transaction_submit('c', 'pay', 'e', '{"account": "a", "amount": -1, "currency": "EUR"}') $$, '22023', 'amount -1 is not positive');
SELECT throws_ok($$ SELECT standin.transaction_submit('c', 'pay', 'e', '{"account": "a", "amount": 1}') $$, '22023', 'payload has no field "currency"');
SELECT throws_ok($$ SELECT standin.transaction_submit('c', 'pay', '', '{"account": "a", "amount": 1, "currency": "EUR"}') $$, '22023');
SELECT throws_ok($$ SELECT standin.transaction_submit('c', 'pay', NULL, '{}') $$, '22004', 'key must not be null');

-- Rules
SELECT is(pay('allowed', 'a', 1, 'loan'), 'declined 57', 'what is not allowed in stand-in is declined');
SELECT is(pay('plain', 'a', 60), 'accepted 09');
SELECT standin.rule_define('c', 'available_balance');
SELECT is(pay('funds', 'a', 40.01), 'declined 51', 'holds count');
SELECT is(pay('funds2', 'a', 40), 'accepted 09');
SELECT is(pay('who', 'zz', 1), 'declined 14');
SELECT is(pay('null', 'c', 1), 'declined 14');
SELECT is(pay('exact', 'exact', 5.5), 'accepted 09', 'zeros behind the point are no digits too many');
SELECT is(pay('unknown ' || account, account, 1), 'declined 91', 'a balance that no money has is unknown')
FROM unnest(ARRAY['not a number', 'endless', 'fine', 'huge']) account;
SELECT is((SELECT v ->> 'detail' FROM standin.decisions, jsonb_array_elements(verdicts) v WHERE key = 'unknown endless' AND v ->> 'code' = '91'),
          'the balance of account "endless" in table balances is unknown: "Infinity" is not a decimal number', 'and the reason names it');
SELECT is(pay('credit', 'a', 500, 'deposit'), 'accepted 09', 'a credit needs no funds');
SELECT is((SELECT held FROM standin.accounts WHERE account = 'a'), 100::numeric);
SELECT is((SELECT available FROM standin.accounts WHERE account = 'a'), 0::numeric);
SELECT standin.rule_define('c', 'per_transaction_limit', 200);
SELECT standin.rule_define('c', 'per_transaction_limit', 300, operation => 'deposit');
SELECT is(pay('big', 'b', 200.01), 'declined 61');
SELECT is(pay('own', 'b', 300, 'deposit'), 'accepted 09', 'the operation''s own rule stands before that of *');
SELECT standin.rule_define('c', 'cumulative_limit', 250, "window" => 'episode');
SELECT is(pay('sum1', 'b', 200), 'accepted 09');
SELECT is(pay('sum2', 'b', 51), 'declined 61');
SELECT standin.rule_define('c', 'cumulative_limit', 250, "window" => 'episode', mode => 'monitor');
SELECT is(pay('sum3', 'b', 51), 'accepted 09', 'a monitored rule only speaks');
SELECT is((SELECT v ->> 'code' FROM standin.decisions, jsonb_array_elements(verdicts) v
           WHERE key = 'sum3' AND v ->> 'rule' = 'cumulative_limit episode'), '61');
SELECT standin.core_define('c', server => 's', backlog_ceiling => 9);
SELECT is(pay('full', 'b', 1), 'accepted 09');
SELECT is(pay('overfull', 'b', 1), 'declined 91');
SELECT is((SELECT message FROM standin.decisions WHERE key = 'overfull'), 'too many transactions wait for the core', 'the log says why');
SELECT is((SELECT message FROM standin.decisions WHERE key = 'unknown endless'), 'balance unknown');
SELECT standin.core_define('c', backlog_ceiling => 100);
-- A business day that goes back forgets nothing: these two are a day apart, always.
INSERT INTO balances (account, amount) VALUES ('d', 1000);
SELECT standin.rule_define('c', 'cumulative_limit', 100, "window" => 'business_day');
SELECT standin.core_define('c', time_zone => 'Pacific/Kiritimati');
SELECT is(pay('today', 'd', 80), 'accepted 09');
SELECT standin.core_define('c', time_zone => 'Pacific/Pago_Pago');
SELECT is(pay('yesterday', 'd', 30), 'declined 61');
SELECT is(pay('yesterday, less', 'd', 15), 'accepted 09');
SELECT standin.core_define('c', time_zone => 'Pacific/Kiritimati');
SELECT is(pay('today again', 'd', 10), 'declined 61');
SELECT standin.core_define('c', time_zone => 'UTC');
SELECT standin.rule_define('c', 'cumulative_limit', 100, "window" => 'business_day', mode => 'off');

-- Keys
SELECT is(pay('plain', 'a', 60), 'accepted 09', 'the first answer again');
SELECT is(pay('funds', 'a', 40.01), 'declined 51', 'a decline is an answer too');
SELECT throws_ok($$ SELECT pay('plain', 'a', 61) $$, 'SI001');
SELECT throws_ok($$ SELECT pay('plain', 'b', 60) $$, 'SI001');
SELECT is((SELECT count(*) FROM standin.transactions WHERE key = 'plain'), 1::bigint);

-- States
SELECT throws_ok($$ UPDATE standin_private.pending_transaction SET state = 'posted' WHERE key = 'plain' $$, '23514');
SELECT throws_ok($$ UPDATE standin_private.pending_transaction SET payload = '{}' WHERE key = 'plain' $$, '23514');
SELECT throws_ok($$ UPDATE standin_private.decision SET amount = 0 $$, '55000');
SELECT throws_ok($$ UPDATE standin_private.core_mode SET epoch = 1 $$, '23514');
SELECT throws_ok($$ SELECT standin.repair_resolve((SELECT ticket FROM standin.transactions WHERE key = 'plain'), 'compensated', 'r') $$, '55000');
SELECT is(standin.repair_resolve((SELECT ticket FROM standin.transactions WHERE key = 'plain'), 'cancelled', 'customer asked'), 'cancelled');
SELECT is((SELECT held FROM standin.accounts WHERE account = 'a'), 40::numeric, 'a cancelled transaction holds nothing');
SELECT throws_ok($$ SELECT standin.core_switch('c', 'suspect', 'x') $$, '22023');
SELECT ok((SELECT balanced FROM standin.conservation), 'the books balance');
SELECT is_empty('SELECT * FROM standin.conservation_faults');

SELECT * FROM finish();
ROLLBACK;
