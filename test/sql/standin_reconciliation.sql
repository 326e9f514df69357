-- The core's own change events confirm transactions, whatever the queue believed, and release their holds.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
ALTER SEQUENCE standin_private.ticket RESTART 2001;
CREATE FUNCTION confirm(target regclass, key text) RETURNS void LANGUAGE c AS 'pg_standin', 'standin_test_confirm';
CREATE ROLE reconciling;
CREATE SCHEMA reconciled;
GRANT USAGE ON SCHEMA reconciled TO reconciling;
CREATE FUNCTION reconciled.post(key text, operation text, payload jsonb, OUT status text, OUT reference text, OUT message text)
LANGUAGE sql AS $$ SELECT CASE WHEN (payload ->> 'amount')::numeric > 500 THEN 'rejected' ELSE 'posted' END, 'R', NULL $$;
CREATE TABLE account_copy (account text PRIMARY KEY, balance numeric, changed text);
INSERT INTO account_copy VALUES ('a', 1000, 'lsn 1'), ('b', 1000, 'lsn 1');
CREATE TABLE history_copy (id int PRIMARY KEY, key text);
GRANT SELECT ON account_copy, history_copy TO standin_owner;
SELECT standin.core_define('rec', connector => 'function', connector_role => 'reconciling', post_function => 'reconciled.post',
                           inquire_function => NULL, probe_interval => '1 hour');
SELECT standin.operation_define('rec', 'pay', dedup => 'key', standin_allowed => true);
SELECT standin.balance_bind('rec', 'account_copy', 'account', 'balance', 'changed');
SELECT standin.reconciliation_bind('rec', 'history_copy', 'key');

-- A posted transaction holds its funds until the core's event brings them into the replicated balance.
CALL standin.transaction_execute('rec', 'pay', 'r1', '{"account": "a", "amount": 100}');
SELECT account, balance, held, available, as_of FROM standin.accounts WHERE core = 'rec' ORDER BY account;
BEGIN;
UPDATE account_copy SET balance = 900, changed = 'lsn 2' WHERE account = 'a';
SELECT confirm('history_copy', 'r1');
COMMIT;
SELECT account, balance, held, available, as_of FROM standin.accounts WHERE core = 'rec' ORDER BY account;
SELECT key, state, hold FROM standin.transactions WHERE core = 'rec';
-- The same event again, and events that are not ours, change nothing.
SELECT confirm('history_copy', 'r1');
SELECT confirm('history_copy', 'booked in a branch');
SELECT confirm('account_copy', 'r1');
SELECT count(*) FROM standin_private.core_event WHERE core = 'rec';

-- The event may come first: before the answer, or instead of it.
SELECT standin.core_switch('rec', 'forced_stand_in', 'a test') > 0 AS switched;
SELECT status FROM standin.transaction_submit('rec', 'pay', 'r2', '{"account": "a", "amount": 200}');
SELECT status FROM standin.transaction_submit('rec', 'pay', 'r3', '{"account": "b", "amount": 300}');
SELECT confirm('history_copy', 'r2');
SELECT key, state, hold FROM standin.transactions WHERE core = 'rec' ORDER BY key;
SELECT accepted, posted, open, balanced FROM standin.conservation WHERE core = 'rec';

-- Booked by the core although it was cancelled or refused here: a difference, and the books do not balance.
SELECT standin.repair_resolve((SELECT ticket FROM standin.transactions WHERE core = 'rec' AND key = 'r3'), 'cancelled', 'customer asked');
SELECT accepted, posted, cancelled, open, balanced FROM standin.conservation WHERE core = 'rec';
BEGIN;
SELECT confirm('history_copy', 'r3');
SELECT key, account, amount, difference FROM standin.reconciliation_differences;
SELECT accepted, posted, cancelled, open, faults, balanced FROM standin.conservation WHERE core = 'rec';
SELECT key, fault FROM standin.conservation_faults WHERE core = 'rec';
ROLLBACK;
SELECT standin.core_switch('rec', 'forced_online', 'a test') > 0 AS switched;
CALL standin.transaction_execute('rec', 'pay', 'r4', '{"account": "b", "amount": 501}');
BEGIN;
SELECT confirm('history_copy', 'r4');
SELECT key, difference FROM standin.reconciliation_differences;
SELECT balanced FROM standin.conservation WHERE core = 'rec';
ROLLBACK;

-- An event taken away, altered or invented shows.
BEGIN;
ALTER TABLE standin_private.core_event DISABLE TRIGGER ALL;
DELETE FROM standin_private.core_event WHERE key = 'r1';
SELECT balanced FROM standin.conservation WHERE core = 'rec';
ROLLBACK;
BEGIN;
ALTER TABLE standin_private.core_event DISABLE TRIGGER ALL;
UPDATE standin_private.core_event SET account = 'b' WHERE key = 'r2';
SELECT balanced FROM standin.conservation WHERE core = 'rec';
ROLLBACK;
BEGIN;
INSERT INTO standin_private.core_event SELECT core, 'r5', 999999, account, reconciliation, seen_at FROM standin_private.core_event WHERE key = 'r1';
SELECT balanced FROM standin.conservation WHERE core = 'rec';
ROLLBACK;
SELECT balanced FROM standin.conservation WHERE core = 'rec';
DROP FUNCTION confirm;
