-- Logs are append-only: for every role, whatever it was granted, and in every way.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE TEMP TABLE log (name text PRIMARY KEY);
INSERT INTO log VALUES ('decision'), ('core_answer'), ('core_event'), ('repair'), ('difference'), ('account_list_change'), ('rule_change'), ('transaction_key'), ('core_mode_change'), ('cdc_difference'),
    ('workflow_attempt'), ('workflow_step'), ('workflow_run'), ('pending_transaction'), ('episode'), ('instance'), ('cdc_verification'),
    ('kafka_dead_letter_discarded'), ('outbox_discarded'), ('outbox_adoption');
CREATE TEMP TABLE who (name text);
INSERT INTO who SELECT r FROM unnest(ARRAY['standin_owner', 'standin_nobody', 'standin_app', 'standin_operator', 'standin_approver',
    'standin_auditor', 'standin_admin', current_user]) r;
SELECT plan(13);

-- A row in each, as a restore writes them.
SET session_replication_role = replica;
INSERT INTO standin_private.decision VALUES (1, 'a', 'accepted', 'c', 'o', 'k', 1, '00', 'm', 'online', 1, NULL, 'u', now());
INSERT INTO standin_private.core_answer VALUES (1, 'a', 1, 'c', 'k', 1, 'post', 'posted', 'r', 'm', now());
INSERT INTO standin_private.core_event VALUES ('c', 'k', 1, 'a', 1, now());
INSERT INTO standin_private.repair (ticket, account, core, key, resolution, reason, state_before, repaired_at) VALUES (1, 'a', 'c', 'k', 'retry', 'r', 'repair', now());
INSERT INTO standin_private.rule_change (core, operation, account, rule, "window", changed_at) VALUES ('c', '*', '*', 'floor', '', now());
INSERT INTO standin_private.account_list_change (core, account, list, listed, reason, changed_at) VALUES ('c', 'a', 'block', true, 'r', now());
INSERT INTO standin_private.difference (ticket, account, core, key, state_before, reason, settled_at) VALUES (1, 'a', 'c', 'k', 'posted', 'r', now());
INSERT INTO standin_private.transaction_key (core, key, ticket, account, digest) VALUES ('c', 'k', 1, 'a', '\x00');
INSERT INTO standin_private.core_mode_change (core, capability, mode_before, mode_after, epoch, reason, changed_at) VALUES ('c', 'p', 'online', 'suspect', 1, 'r', now());
INSERT INTO standin_private.cdc_verification (source, topic, target, reference, compared, skipped, state, started_by)
VALUES ('s', 't', 'pg_class', 'pg_class', '{}', '{}', 'finished', 'u'), ('s', 't', 'pg_class', 'pg_class', '{}', '{}', 'running', 'u');
INSERT INTO standin_private.cdc_difference (run, key, kind, columns) SELECT run, '{}', 'missing', '{}' FROM standin_private.cdc_verification;
INSERT INTO standin_private.workflow_run (workflow_id, name, version, submitter, status, token, finished_at) VALUES ('w', 'n', 1, 'standin_app', 'completed', 1, now());
INSERT INTO standin_private.workflow_step (workflow_id, seq, name, external, input_hash, recorded_at) VALUES ('w', 1, 'n', true, 1, now());
INSERT INTO standin_private.workflow_attempt VALUES ('w', 1, 1, 'n', '{}', now());
INSERT INTO standin_private.pending_transaction (ticket, account, core, capability, operation, key, amount, payload, promised, epoch, accepted_at, state, changed_at)
VALUES (1, 'a', 'c', 'p', 'o', 'k', 1, '{}', false, 1, now(), 'reconciled', now());
INSERT INTO standin_private.episode (core, capability, opened_at, opened_epoch, opened_because, closed_at, closed_epoch, closed_because)
VALUES ('c', 'p', now(), 1, 'r', now(), 2, 'r'), ('c', 'p', now(), 3, 'r', NULL, NULL, NULL);
INSERT INTO standin_private.kafka_dead_letter_discarded (consumer, topic, partition, record_offset, key, value, sqlstate, error, discarded_by, reason, headers, redacted,
    attempts, created_at, last_attempt_at, retry_force)
VALUES ('s', 't', 0, 0, 'k', 'v', '22000', 'e', 'u', 'r', '[]', false, 1, now(), now(), false);
INSERT INTO standin_private.outbox_discarded (relay, timeline, seq, event_id, topic, discarded_at, discarded_by, reason)
VALUES ('r', 1, 1, gen_random_uuid(), 't', now(), 'u', 'r');
INSERT INTO standin_private.outbox_adoption (relay, choice, reason, adopted_by, adopted_at, made_for, applied_at) VALUES ('r', 'from_here', 'r', 'u', now(), 'm', now());
INSERT INTO standin_private.instance (system_identifier, host, data_directory, database_oid, timeline, reason) VALUES ('1', 'h', 'd', 1, 1, 'r');
RESET session_replication_role;
-- Any column set to itself, each way a row could change, as each role; rights alone do not make a log.
CREATE FUNCTION pg_temp.outcome(role text, log text, statement text, replication text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    touched bigint;
BEGIN
    PERFORM set_config('session_replication_role', replication, true);
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE statement;
    GET DIAGNOSTICS touched = ROW_COUNT;
    RAISE EXCEPTION 'done: % rows', touched USING ERRCODE = 'ZZ000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE TEMP VIEW attempt AS
SELECT who.name AS role, log.name AS log, way.name AS way, replication,
       pg_temp.outcome(who.name, log.name, CASE way.name
           WHEN 'UPDATE' THEN format('UPDATE standin_private.%I SET %I = %2$I', log.name, (SELECT a.attname FROM pg_attribute a
               WHERE a.attrelid = ('standin_private.' || log.name)::regclass AND a.attnum > 0 AND a.attidentity = '' ORDER BY a.attnum LIMIT 1))
           WHEN 'DELETE' THEN format('DELETE FROM standin_private.%I', log.name)
           ELSE format('TRUNCATE standin_private.%I CASCADE', log.name) END, replication) AS outcome
FROM who, log, (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) way (name), (VALUES ('origin'), ('replica')) r (replication);
SELECT is_empty($$ SELECT * FROM attempt WHERE role NOT IN ('standin_owner', current_user) AND outcome <> '42501' $$,
    'who has no right on the tables has none on logs');
-- The state triggers' own errors are 23514 (transactions) and 55000; a run of cdc_verify or an episode that goes on may change.
SELECT is_empty($$ SELECT * FROM attempt WHERE role IN ('standin_owner', current_user) AND way <> 'UPDATE' AND outcome <> '55000' $$,
    'nothing is taken away from a log, by its owner or a superuser, as a replica or not');
SELECT is_empty($$ SELECT * FROM attempt WHERE role IN ('standin_owner', current_user) AND way = 'UPDATE' AND outcome <> '55000'
    AND log <> 'pending_transaction' $$, 'nothing is changed in a log');
SELECT throws_ok($$ UPDATE standin_private.pending_transaction SET amount = 2 WHERE ticket = 1 $$, '23514');

-- What goes on, goes on
SELECT lives_ok($$ UPDATE standin_private.episode SET closed_at = now(), closed_epoch = 4, closed_because = 'r' WHERE closed_at IS NULL $$);
SELECT throws_ok($$ UPDATE standin_private.episode SET closed_because = 'another' $$, '55000');
SELECT lives_ok($$ UPDATE standin_private.cdc_verification SET rows_compared = 1, state = 'finished' WHERE state = 'running' $$);
SELECT lives_ok($$ UPDATE standin_private.kafka_dead_letter_discarded SET restored_at = now(), restored_by = 'r' $$);
SELECT throws_ok($$ UPDATE standin_private.kafka_dead_letter_discarded SET restored_by = 'another' $$, '55000');
SELECT lives_ok($$ UPDATE standin_private.kafka_dead_letter_discarded SET key = NULL, value = NULL, headers = '[]', redacted = true $$);
SELECT lives_ok($$ SELECT standin.instance_adopt('a test') $$);

-- No log was forgotten: whatever is called so, and whatever says who did something and when.
SELECT is_empty($$ SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'standin_private'::regnamespace AND c.relkind IN ('r', 'p')
    AND (obj_description(c.oid, 'pg_class') ~ '(\mlog\M|append-only|nothing is ever taken)'
         OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname ~ '^(decided|repaired|settled|changed|discarded|bound|started)_by$'))
    AND c.relname NOT IN ('kafka_consumer', 'cdc_position', 'cdc_truncate', 'outbox_relay') AND c.relname NOT IN (SELECT name FROM log) $$, 'every log is in the list');
SELECT is_empty($$ SELECT l.name, t.tgname FROM log l JOIN pg_trigger t ON t.tgrelid = ('standin_private.' || l.name)::regclass
    WHERE t.tgname ~ '(append_only|guard)' AND t.tgenabled <> 'A' $$, 'their triggers fire always');

SELECT * FROM finish();
ROLLBACK;
