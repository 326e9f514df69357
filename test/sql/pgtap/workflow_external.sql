-- Application workers: claims, fencing, the step log, ends. One session plays all parts; the clock is the test's.
BEGIN;
SELECT plan(60);

CREATE ROLE tap_worker;
CREATE ROLE tap_other;
GRANT standin_app TO tap_worker, tap_other;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO tap_worker, tap_other;
CREATE FUNCTION pg_temp.claim(worker text, names text[], lease interval DEFAULT '30 s', max_count int DEFAULT 1)
RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(id || '#' || token, ' ' ORDER BY id) FROM standin.workflow_claim(worker, names, lease, max_count)
$$;

SELECT is(standin.workflow_define('tap_loan'), 1, 'a workflow without a procedure is for application workers');
SELECT is(standin.workflow_define('tap_loan'), 1, 'defining it again alike changes nothing');
SELECT is(standin.workflow_define('tap_loan', recovery_limit => 2), 2, 'a change makes a version');
SELECT is(standin.workflow_define('tap_card'), 1, 'versions are counted by name');
SELECT throws_ok($$ SELECT standin.workflow_define('tap_f', 'pg_catalog.jsonb_typeof(jsonb)') $$, '42809', NULL, 'a function is no procedure');
CREATE PROCEDURE pg_temp.no_jsonb(input text) LANGUAGE plpgsql AS 'BEGIN END';
SELECT throws_ok($$ SELECT standin.workflow_define('tap_f', 'pg_temp.no_jsonb(text)') $$, '42P13', NULL, 'the parameters are checked');
CREATE PROCEDURE pg_temp.definer(input jsonb) LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN END';
SELECT throws_ok($$ SELECT standin.workflow_define('tap_f', 'pg_temp.definer(jsonb)') $$, '42P13', NULL, 'SECURITY DEFINER cannot commit');
CREATE PROCEDURE pg_temp.setting(input jsonb) LANGUAGE plpgsql SET search_path = '' AS 'BEGIN END';
SELECT throws_ok($$ SELECT standin.workflow_define('tap_f', 'pg_temp.setting(jsonb)') $$, '42P13', NULL, 'a SET clause cannot commit');
SELECT throws_ok($$ SELECT standin.workflow_define('') $$, '23514', NULL, 'a workflow has a name');
SELECT throws_ok($$ SELECT standin.workflow_define('tap_zero', recovery_limit => 0) $$, '23514', NULL, 'a recovery limit is positive');

SET ROLE tap_worker;
SELECT throws_ok($$ SELECT standin.workflow_define('tap_mine') $$, '42501', NULL, 'applications define nothing');
SELECT is(standin.workflow_start('tap_loan', 'l1', '{"a": 1}'), 'l1', 'a start returns the id');
SELECT is(standin.workflow_start('tap_loan', 'l1', '{"a": 1.0}'), 'l1', 'the same start again does too');
SELECT throws_ok($$ SELECT standin.workflow_start('tap_loan', 'l1', '{"a": 2}') $$, '23505', NULL, 'another input is refused');
SELECT throws_ok($$ SELECT standin.workflow_start('tap_loan', 'l1') $$, '23505', NULL, 'no input is another input');
SELECT throws_ok($$ SELECT standin.workflow_start('tap_card', 'l1', '{"a": 1}') $$, '23505', NULL, 'another name is refused');
SELECT matches(standin.workflow_start('tap_card'), '^[0-9a-f-]{36}$', 'without an id one is made');
SELECT throws_ok($$ SELECT standin.workflow_start('tap_nothing', 'n') $$, '42704', NULL, 'an unknown workflow is refused');
SET ROLE tap_other;
SELECT throws_ok($$ SELECT standin.workflow_start('tap_loan', 'l1', '{"a": 1}') $$, '23505', NULL, 'the id belongs to who took it');
SELECT throws_ok($$ SELECT * FROM standin.workflow_result('l1') $$, 'P0002', NULL, 'others do not see the result');
SELECT is_empty($$ SELECT FROM standin.workflows $$, 'nor the workflow');

SET ROLE tap_worker;
SELECT results_eq($$ SELECT status FROM standin.workflow_result('l1') $$, $$ VALUES ('pending') $$, 'nobody works on it yet');
SELECT is(pg_temp.claim('w', '{tap_unknown}'), NULL, 'a claim gets the workflows it names only');
SELECT is(pg_temp.claim('w', '{tap_loan,tap_loan}', '30 s', 10), 'l1#1', 'a claim gives a token; a name twice is a name');
SELECT is(pg_temp.claim('w', '{tap_loan}'), NULL, 'what is leased is not claimed again');
SELECT results_eq($$ SELECT status FROM standin.workflow_result('l1') $$, $$ VALUES ('running') $$, 'it runs');
SELECT results_eq($$ SELECT version, worker, token FROM standin.workflows WHERE workflow_id = 'l1' $$, $$ VALUES (2, 'w', 1::bigint) $$,
    'the version is the newest at its start');
SELECT throws_ok($$ SELECT * FROM standin.workflow_claim('', '{tap_loan}') $$, '22023', NULL, 'a worker has a name');
SELECT throws_ok($$ SELECT * FROM standin.workflow_claim('w', '{}') $$, '22023', NULL, 'and names what it can run');
SELECT throws_ok($$ SELECT * FROM standin.workflow_claim('w', '{tap_loan}', '0 s') $$, '22023', NULL, 'a lease has a length');
SELECT throws_ok($$ SELECT * FROM standin.workflow_claim('w', '{tap_loan}', '1 s', 0) $$, '22023', NULL, 'a claim has a size');
SELECT throws_ok($$ SELECT * FROM standin.workflow_claim('w', '{tap_loan}', wait => '2 min') $$, '22023', NULL, 'a wait under a snapshot is short');

SELECT results_eq($$ SELECT * FROM standin.step_result('l1', 1, 'check', '{"n": 1}') $$, $$ VALUES (false, NULL::jsonb) $$, 'nothing is recorded');
SELECT is(standin.step_record('l1', 1, 'check', '{"ok": true}', '{"n": 1}'), 1, 'the first step');
SELECT results_eq($$ SELECT * FROM standin.step_result('l1', 1, 'check', '{"n": 1}') $$, $$ VALUES (true, '{"ok": true}'::jsonb) $$, 'is found again');
SELECT throws_like($$ SELECT * FROM standin.step_result('l1', 1, 'check', '{"n": 2}') $$, '%does not repeat%', 'with another input it is another step');
SELECT throws_ok($$ SELECT standin.step_record('l1', 1, 'check', '{}') $$, '23505', NULL, 'a recorded step is refused, and with it its effect');
SELECT throws_ok($$ SELECT standin.step_record('l1', 1, 'third', '{}', seq => 3) $$, '55000', NULL, 'a place that is not the next is refused');
SELECT throws_ok($$ SELECT standin.step_record('l1', 1, '') $$, '22023', NULL, 'a step has a name');
SELECT throws_ok($$ SELECT standin.step_record('l1', 1, NULL) $$, '22023', NULL, 'which is not null');
SELECT is(standin.step_record('l1', 1, 'book', NULL, seq => 2), 2, 'the next place is not');
SELECT throws_ok($$ SELECT standin.step_record('l1', 0, 'x') $$, '55000', NULL, 'an older token is stale');
SELECT throws_ok($$ SELECT standin.step_record('l1', NULL, 'x') $$, '55000', NULL, 'so is none');
SELECT throws_ok($$ SELECT standin.workflow_complete('l1', 2) $$, '55000', NULL, 'and one that nobody was given');
SET ROLE tap_other;
SELECT throws_ok($$ SELECT standin.step_record('l1', 1, 'x') $$, '42501', NULL, 'a token is no good in other hands');
SELECT throws_ok($$ SELECT * FROM standin.step_result('l1', 1, 'check') $$, '42501', NULL, 'not even for reading');
SET ROLE tap_worker;
SELECT ok(standin.workflow_extend('l1', 1, '1 hour') > now() + interval '59 min', 'a lease can be prolonged');

-- Leases end by the product's clock.
RESET ROLE;
SELECT standin_private.clock_advance('59 minutes');
SELECT is(pg_temp.claim('w2', '{tap_loan}'), NULL, 'a lease holds to its end');
SELECT standin_private.clock_advance('1 minute 1 second');
SET ROLE tap_worker;
SELECT is(pg_temp.claim('w2', '{tap_loan}'), 'l1#2', 'then the next token is given');
SELECT throws_ok($$ SELECT standin.workflow_complete('l1', 1, '1') $$, '55000', NULL, 'the older is stale');
SELECT lives_ok($$ SELECT standin.workflow_complete('l1', 2, '{"done": true}') $$, 'the newer ends it');
SELECT lives_ok($$ SELECT standin.workflow_complete('l1', 2, '{"done": true}') $$, 'ending it alike again is no error');
SELECT throws_ok($$ SELECT standin.workflow_complete('l1', 2, '{"done": false}') $$, '55000', NULL, 'otherwise is');
SELECT throws_ok($$ SELECT standin.workflow_extend('l1', 2) $$, '55000', NULL, 'there is nothing to prolong');
SELECT results_eq($$ SELECT * FROM standin.workflow_result('l1') $$, $$ VALUES ('completed', '{"done": true}'::jsonb, NULL::jsonb) $$, 'its result');

-- Three leases without a step exceed the limit of two recoveries; a step in between would have counted from the start again.
SELECT standin.workflow_start('tap_loan', 'l2');
SELECT is(pg_temp.claim('w', '{tap_loan}', '1 s'), 'l2#1', 'first lease');
RESET ROLE; SELECT standin_private.clock_advance('2 s'); SET ROLE tap_worker;
SELECT pg_temp.claim('w', '{tap_loan}', '1 s');
SELECT standin.step_record('l2', 2, 'progress');
RESET ROLE; SELECT standin_private.clock_advance('2 s'); SET ROLE tap_worker;
SELECT pg_temp.claim('w', '{tap_loan}', '1 s');
RESET ROLE; SELECT standin_private.clock_advance('2 s'); SET ROLE tap_worker;
SELECT pg_temp.claim('w', '{tap_loan}', '1 s');
RESET ROLE; SELECT standin_private.clock_advance('2 s'); SET ROLE tap_worker;
SELECT is(pg_temp.claim('w', '{tap_loan}', '1 s'), 'l2#5', 'two recoveries without progress are within the limit');
RESET ROLE; SELECT standin_private.clock_advance('2 s'); SET ROLE tap_worker;
SELECT is(pg_temp.claim('w', '{tap_loan}', '1 s'), NULL, 'the third is not');
SELECT results_eq($$ SELECT status, error->>'message' FROM standin.workflow_result('l2') $$,
    $$ VALUES ('dead', 'recovered 2 times in a row without a new step') $$, 'it is dead, and says why');

RESET ROLE;
SELECT throws_ok($$ UPDATE standin_private.workflow_run SET status = 'open', finished_at = NULL, token = NULL, output = NULL WHERE workflow_id = 'l1' $$,
    '55000', NULL, 'a finished workflow stays finished');

SELECT * FROM finish();
ROLLBACK;
