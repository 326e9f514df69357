-- Applications are kept apart: what is not granted is refused, keys are their channel's, and others' are as if not there.
BEGIN;
SELECT plan(41);

CREATE ROLE cards LOGIN;
CREATE ROLE loans LOGIN;
CREATE ROLE clerk LOGIN;
CREATE ROLE nightly LOGIN;
CREATE ROLE "team/a";
GRANT standin_app TO cards, loans, clerk;
CREATE ROLE duty;
GRANT standin_operator TO duty;
CREATE ROLE boss;
GRANT standin_admin TO boss;
CREATE SERVER s FOREIGN DATA WRAPPER standin_postgres OPTIONS (host 'core.example', hostaddr '127.0.0.1', port '1');
SELECT lives_ok($$ SELECT standin.core_define('g', server => 's') $$);
SELECT lives_ok($$ SELECT standin.operation_define('g', 'pay', standin_allowed => true) $$);
SELECT lives_ok($$ SELECT standin.operation_define('g', 'refund', direction => 'credit', standin_allowed => true) $$);
SELECT lives_ok($$ SELECT standin.core_switch('g', 'forced_stand_in', 'host=core.example user=bank_service') $$);

CREATE FUNCTION pg_temp.submit(key text, operation text DEFAULT 'pay', amount integer DEFAULT 1) RETURNS text LANGUAGE sql
    AS $$ SELECT status FROM standin.transaction_submit('g', operation, key, jsonb_build_object('account', 'a', 'amount', amount)) $$;
CREATE FUNCTION pg_temp.failure(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws('|', state, message, detail, hint);
END $$;

-- Grants
SELECT throws_ok($$ SELECT standin.operation_grant('nowhere', '*', 'cards') $$, '42704');
SELECT throws_ok($$ SELECT standin.operation_grant('g', 'gamble', 'cards') $$, '42704');
SELECT throws_ok($$ SELECT standin.operation_grant('g', NULL, 'cards') $$, '42704');
SELECT throws_ok($$ SELECT standin.operation_grant('g', '*', 'nobody_here') $$, '42704');
SELECT throws_ok($$ SELECT standin.operation_grant('g', '*', 'team/a') $$, '22023', NULL, 'a role''s name may be no channel');
SELECT throws_ok($$ SELECT standin.operation_grant('g', '*', 'cards', 'a/b') $$, '22023');
SELECT throws_ok($$ SELECT standin.operation_revoke('g', '*', 'cards') $$, '42704');
SET ROLE cards;
SELECT throws_ok($$ SELECT standin.operation_grant('g', '*', 'cards') $$, '42501');
SELECT is(pg_temp.failure($$ SELECT pg_temp.submit('k') $$),
    '42501|permission denied for operation "pay" of core "g"||An administrator grants it: SELECT standin.operation_grant(''g'', ''pay'', ''cards'');',
    'nothing is granted at first');
RESET ROLE;
SELECT standin.operation_grant('g', 'pay', 'cards');
SELECT standin.operation_grant('g', '*', 'loans');
SELECT bag_eq($$ SELECT operation, role, channel, granted_by FROM standin.operation_grants WHERE core = 'g' $$,
    $$ VALUES ('pay', 'cards', 'cards', current_user::text), ('*', 'loans', 'loans', current_user::text) $$, 'the channel is the role''s name by default');
SELECT throws_ok($$ SELECT standin.operation_grant('g', 'refund', 'cards', '') $$, '55000', NULL, 'a role has one channel');

-- Keys are the channel's
SET ROLE cards;
SELECT is(pg_temp.submit('k'), 'accepted');
SELECT throws_ok($$ SELECT pg_temp.submit('k2', 'refund') $$, '42501', NULL, 'another operation is not granted');
SELECT throws_ok($$ SELECT pg_temp.submit(repeat('k', 250)) $$, '22023', 'the key must have 1 to 249 bytes');
SELECT alike(pg_temp.failure($$ SELECT pg_temp.submit('k', amount => 2) $$), 'SI001|%It belongs to ticket%', 'the own key');
SET ROLE loans;
SELECT is(pg_temp.submit('k', amount => 7), 'accepted', 'the same key of another channel is another transaction');
SELECT is(pg_temp.submit('k', amount => 7), 'accepted', 'a retry');
SELECT results_eq($$ SELECT amount FROM standin.transaction_status('g', 'k') $$, $$ VALUES (7::numeric) $$);
SELECT is_empty($$ SELECT * FROM standin.transaction_status('g', 'cards/k') $$, 'another''s key is not there');
SELECT is(mode, 'forced_stand_in') FROM standin.core_status WHERE core = 'g';
SELECT is(coalesce(reason, probe_failure), NULL, 'an application is not told why') FROM standin.core_status WHERE core = 'g';
RESET ROLE;
SELECT bag_eq($$ SELECT key FROM standin.transactions WHERE core = 'g' $$, $$ VALUES ('cards/k'), ('loans/k') $$, 'the core sees channel and key');
SET ROLE duty;
SELECT results_eq($$ SELECT amount FROM standin.transaction_status('g', 'cards/k') $$, $$ VALUES (1::numeric) $$, 'an operator asks for any key');
SELECT isnt(reason, NULL, 'an operator is told why') FROM standin.core_status WHERE core = 'g';
RESET ROLE;

-- An administrator uses bare keys, which cannot look like a channel's
SET ROLE boss;
SELECT is(pg_temp.submit('k', amount => 9), 'accepted');
SELECT throws_ok($$ SELECT pg_temp.submit('loans/next') $$, '22023', 'keys that begin with "loans/" belong to channel "loans"');
SELECT is(pg_temp.submit('other/next'), 'accepted');
RESET ROLE;
SELECT throws_ok($$ SELECT standin.operation_grant('g', '*', 'clerk', 'other') $$, '55000', NULL, 'a channel whose keys were bare ones');

-- Several channels: no guess
GRANT cards, loans TO clerk;
SET ROLE clerk;
SELECT alike(pg_temp.failure($$ SELECT pg_temp.submit('c') $$), '42725|%"cards", "loans"%', 'which of two is not guessed');
SELECT is(pg_temp.submit('r', 'refund', 7), 'accepted', 'one of them has the operation');
SELECT is((SELECT count(*) FROM standin.transaction_status('g', 'k')), 2::bigint, 'members ask about both');
RESET ROLE;
SELECT standin.operation_grant('g', '*', 'clerk');
SET ROLE clerk;
SELECT is(pg_temp.submit('c'), 'accepted', 'the own grant is first');
SELECT alike(pg_temp.failure($$ SELECT pg_temp.submit('k') $$), 'SI001|%in channel "cards"%', 'a retry in another channel is no second transaction');
RESET ROLE;

-- A definer's function asks as its owner; what is taken back is refused
CREATE SCHEMA cards AUTHORIZATION cards;
CREATE FUNCTION cards.pay(key text, OUT submitted text, OUT found bigint) LANGUAGE sql SECURITY DEFINER
    AS $$ SELECT (SELECT status FROM standin.transaction_submit('g', 'pay', key, '{"account": "a", "amount": 1}')),
                 (SELECT count(*) FROM standin.transaction_status('g', 'k')) $$;
ALTER FUNCTION cards.pay OWNER TO cards;
GRANT USAGE ON SCHEMA cards TO nightly;
SET ROLE nightly;
SELECT results_eq($$ SELECT * FROM cards.pay('n') $$, $$ VALUES ('accepted', 1::bigint) $$, 'the channel is the definer''s');
RESET ROLE;
SELECT standin.operation_revoke('g', 'pay', 'cards');
SET ROLE cards;
SELECT throws_ok($$ SELECT pg_temp.submit('k') $$, '42501', NULL, 'a retry too');
SELECT is_empty($$ SELECT * FROM standin.transaction_status('g', 'k') $$);
RESET ROLE;
SELECT is_empty($$ SELECT * FROM standin.conservation_faults WHERE core = 'g' $$);

SELECT * FROM finish();
ROLLBACK;
