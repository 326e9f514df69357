-- A database of version 0.2.0 with something in it.
SET client_min_messages = warning;
CREATE ROLE replica;
GRANT CREATE ON SCHEMA public TO replica;
CREATE TABLE account (aid integer PRIMARY KEY, abalance numeric(10,2));
CREATE TABLE history (hid bigint PRIMARY KEY, idempotency_key text);
CREATE TABLE signal (id text PRIMARY KEY, type text, data text);
ALTER TABLE account OWNER TO replica;
ALTER TABLE history OWNER TO replica;
GRANT SELECT ON account, history TO standin_owner;
CREATE SERVER kafka FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT standin.cdc_source_create('old', 'kafka', time_precision_mode => 'connect', batch_records => 77, paused => true);
SELECT standin.cdc_table_add('old', 'old.public.account', 'account');
SELECT standin.cdc_table_add('old', 'old.public.history', 'history', apply_role => 'replica', on_truncate => 'ignore');
SELECT standin.cdc_seek('old', 'old.public.account', 0, 4711);
INSERT INTO standin_private.cdc_progress (source, topic, partition, inserts, batches) VALUES ('old', 'old.public.account', 0, 4700, 47);
INSERT INTO standin_private.kafka_dead_letter (consumer, topic, partition, record_offset, sqlstate, error, value)
VALUES ('old', 'old.public.account', 0, 42, '22003', 'out of range', '{}');
CREATE FUNCTION core_message(prefix text, content bytea, lsn text) RETURNS void LANGUAGE sql AS $$ $$;
ALTER FUNCTION core_message OWNER TO replica;
CREATE FUNCTION core_post(text, text, jsonb, OUT status text, OUT reference text, OUT message text) LANGUAGE sql AS $$ SELECT 'posted', 'r', '' $$;
CREATE FUNCTION core_inquire(text, OUT status text, OUT reference text, OUT message text) LANGUAGE sql AS $$ SELECT 'not_found', '', '' $$;
SELECT standin.core_define('core', connector => 'function', connector_role => 'replica',
    post_function => 'public.core_post', inquire_function => 'public.core_inquire');
SELECT standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
SELECT standin.operation_define('core', 'odd', account_field => '$.account', required => '{"$.x": "string", "y": "number"}');
SELECT standin.capability_define('Payments', 'PaymentOrder', 'somebody');
SELECT standin.rule_define('core', 'per_transaction_limit', 500);
SELECT standin.balance_bind('core', 'account', 'aid', 'abalance');
SELECT standin.reconciliation_bind('core', 'history', 'idempotency_key');
SELECT standin.cdc_source_alter('old', rounding => 'round', message_function => 'public.core_message(text, bytea, text)', on_message => 'call',
    signal_table => 'signal');
-- By hand: the library is newer than these tables.
INSERT INTO standin_private.episode (core, capability, opened_at, opened_epoch, opened_because)
SELECT core, capability, now(), 2, 'a test' FROM standin_private.core_mode;
UPDATE standin_private.core_mode SET mode = 'forced_stand_in', epoch = 2, episode = (SELECT episode FROM standin_private.episode);
INSERT INTO standin_private.account (core, account, held) SELECT 'core', i::text, i * 10 FROM generate_series(1, 8) i;
INSERT INTO standin_private.pending_transaction (ticket, account, core, capability, operation, key, amount, payload, promised, epoch, accepted_at, changed_at, state, hold)
SELECT nextval('standin_private.ticket'), i::text, 'core', 'payments', 'payment', 'key-' || i, i * 10, jsonb_build_object('account', i, 'amount', i * 10),
       true, 1, now(), now(), (ARRAY['accepted', 'retry_wait', 'unknown', 'repair'])[1 + i % 4], i * 10 FROM generate_series(1, 8) i;
INSERT INTO standin_private.transaction_key (core, key, ticket, account, digest)
SELECT core, key, ticket, account, sha256(convert_to(operation || E'\n' || payload::text, 'UTF8')) FROM standin_private.pending_transaction;
INSERT INTO standin_private.decision (ticket, account, decision, core, operation, key, amount, code, message, mode, epoch, decided_at)
SELECT ticket, account, 'accepted', core, operation, key, amount, '00', 'processing', 'stand_in', 1, now() FROM standin_private.pending_transaction;
SELECT standin.workflow_define('external');
