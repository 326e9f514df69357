-- A database of version 0.1.0 with something in it.
SET client_min_messages = warning;
CREATE ROLE replica;
GRANT CREATE ON SCHEMA public TO replica;
CREATE TABLE account (aid integer PRIMARY KEY, abalance numeric(10,2));
CREATE TABLE history (hid bigint PRIMARY KEY, idempotency_key text);
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
CREATE FUNCTION core_post(text, text, jsonb, OUT status text, OUT reference text, OUT message text) LANGUAGE sql AS $$ SELECT 'posted', 'r', '' $$;
CREATE FUNCTION core_inquire(text, OUT status text, OUT reference text, OUT message text) LANGUAGE sql AS $$ SELECT 'not_found', '', '' $$;
SELECT standin.core_define('core', connector => 'function', connector_role => 'replica',
    post_function => 'public.core_post', inquire_function => 'public.core_inquire');
SELECT standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
SELECT standin.capability_define('Payments', 'PaymentOrder', 'somebody');
