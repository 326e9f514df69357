-- What operating change capture says without Kafka: seek, replay, signals, dead letters.
\set SHOW_CONTEXT never
CREATE ROLE cdco_owner; CREATE ROLE cdco_operator IN ROLE standin_operator; CREATE ROLE cdco_auditor IN ROLE standin_auditor;
GRANT USAGE, CREATE ON SCHEMA public TO cdco_owner;
CREATE SERVER ko FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE TABLE cdco_a (id int PRIMARY KEY, v text); ALTER TABLE cdco_a OWNER TO cdco_owner;
CREATE TABLE cdco_copy (id int PRIMARY KEY, v text); ALTER TABLE cdco_copy OWNER TO cdco_owner;
CREATE TABLE cdco_log (id int, v text); ALTER TABLE cdco_log OWNER TO cdco_owner;
CREATE TABLE cdco_signal (id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048));
SELECT standin.cdc_source_create('o', 'ko', paused => true);
SELECT standin.cdc_table_add('o', 'core.public.a', 'cdco_a'), standin.cdc_table_add('o', 'core.public.log', 'cdco_log', kind => 'history');
-- Seek.
SELECT standin.cdc_seek('unknown', 'core.public.a', 'end');
SELECT standin.cdc_seek('o', 'other', 'end');
SELECT standin.cdc_seek('o', 'core.public.a', 'middle');
SELECT standin.cdc_seek('o', 'core.public.a', '2026-01-31 12:00+00');
SELECT standin.cdc_seek('o', 'core.public.a', "at" => 'infinity');
SELECT standin.cdc_seek('o', 'core.public.a', "at" => NULL);
SELECT standin.cdc_seek('o', 'core.public.a', 'end');
SELECT standin.cdc_seek('o', 'core.public.a', 'end', -1);
SELECT standin.cdc_seek('o', 'core.public.a', 'end', 0), standin.cdc_seek('o', 'core.public.a', 1, 7);
INSERT INTO standin_private.cdc_position VALUES ('o', 'core.public.a', 0, 'x', '\x00', 0), ('o', 'core.public.a', 1, 'x', '\x00', 0);
UPDATE standin_private.kafka_offset SET record_offset = 6, record_hash = 1 WHERE partition = 1;
SELECT standin.cdc_seek('o', 'core.public.a', "at" => '2026-01-31 12:00+00', partition => 1);
SELECT partition, next_offset, seek_at AT TIME ZONE 'UTC' AS seek_at, lag_messages FROM standin.stat_cdc WHERE source = 'o' AND topic = 'core.public.a' ORDER BY 1;
SELECT partition FROM standin_private.cdc_position;
SELECT partition, record_offset FROM standin_private.kafka_offset ORDER BY 1;
SELECT standin.cdc_seek('o', 'core.public.a', 'beginning');
SELECT partition, next_offset, seek_at FROM standin.stat_cdc WHERE source = 'o' AND topic = 'core.public.a' ORDER BY 1;
SELECT count(*) FROM standin_private.cdc_position;
-- Replay.
SELECT standin.cdc_replay('o', 'other', 0, 0, 1, 'cdco_copy');
SELECT standin.cdc_replay('o', 'core.public.a', 0, 5, 4, 'cdco_copy');
SELECT standin.cdc_replay('o', 'core.public.a', 0, NULL, 4, 'cdco_copy');
SELECT standin.cdc_replay('o', 'core.public.a', 0, 0, 4, NULL);
SELECT standin.cdc_replay('o', 'core.public.a', 0, 0, 4, 'cdco_a');
SELECT standin.cdc_replay('o', 'core.public.a', 0, 0, 4, 'cdco_copy', kind => 'wrong');
SET ROLE cdco_operator;
SELECT standin.cdc_replay('o', 'core.public.a', 0, 0, 4, 'cdco_copy');
RESET ROLE;
SELECT standin.cdc_replay('o', 'core.public.a', 0, 2, 4, 'cdco_copy') AS replay \gset
SELECT :'replay' ~ '^o\.replay[0-9]+$' AS named;
SELECT topic, partition, target, next_offset, stop_offset FROM standin.stat_cdc WHERE source = :'replay';
SELECT standin.cdc_source_drop(:'replay');
-- A comparison commits, so it is no part of a transaction.
BEGIN;
CALL standin.cdc_verify('o', 'core.public.a', 'cdco_a');
ROLLBACK;
CREATE FUNCTION cdco_verify() RETURNS void LANGUAGE plpgsql AS $$ DECLARE run bigint; BEGIN CALL standin.cdc_verify('o', 'core.public.a', 'cdco_a', run => run); END $$;
SELECT cdco_verify();
DROP FUNCTION cdco_verify();
DO $$ DECLARE run bigint; BEGIN CALL standin.cdc_verify('o', 'core.public.a', 'cdco_a', run => run); EXCEPTION WHEN active_sql_transaction THEN RAISE NOTICE '%', SQLERRM; END $$;
-- Signals.
SELECT standin.cdc_snapshot('o', 'core.public.a');
SELECT standin.cdc_source_alter('o', signal_topic => 'signals');
SELECT standin.cdc_snapshot('o', 'public.other');
SELECT standin.cdc_snapshot('o', 'public.a', snapshot_type => 'thorough');
SELECT length(standin.cdc_snapshot('o', 'public.a', 'id > 5'));
SELECT length(standin.cdc_snapshot('o', 'core.public.a', snapshot_type => 'blocking', topic_prefix => 'mine'));
SELECT type, data, signal_topic, key, state IN ('pending', 'failing') AS waiting FROM standin.cdc_signals ORDER BY key;
SELECT standin.cdc_source_alter('o', signal_table => 'cdco_signal');
SELECT standin.cdc_snapshot('o', 'public.a');
ALTER TABLE cdco_signal OWNER TO cdco_owner;
SET ROLE cdco_operator;
SELECT standin.cdc_snapshot('o', 'public.a');
RESET ROLE;
-- Dead letters.
SELECT standin.cdc_dead_letter_retry('unknown', 'core.public.a', 0, 1);
SELECT standin.cdc_dead_letter_retry('o', 'core.public.a', 0, 1);
INSERT INTO standin_private.kafka_dead_letter (consumer, topic, partition, record_offset, key, value, sqlstate, error, superseded_by)
VALUES ('gone', 'core.public.a', 0, 1, '{"id":1}', '{', '22P02', 'poison', NULL), ('gone', 'core.public.a', 0, 2, '{"id":1}', '{', '22P02', 'poison', 3),
       ('gone', 'core.public.b', 0, 3, NULL, '{', '22001', 'poison', NULL), ('gone', 'core.public.b', 0, 4, '', '{', '22001', 'poison', NULL);
SELECT standin.cdc_dead_letter_retry('gone');
UPDATE standin_private.kafka_dead_letter SET consumer = 'o' WHERE record_offset IN (2, 3);
SELECT topic, record_offset, superseded_by, stale FROM standin.cdc_dead_letters WHERE source = 'o' ORDER BY record_offset;
SELECT standin.cdc_dead_letter_retry('o', 'core.public.a', 0, 2);
SELECT standin.cdc_dead_letter_retry('o', 'core.public.b', 0, 3);
SELECT standin.cdc_dead_letter_retry('o');
UPDATE standin_private.kafka_dead_letter SET topic = 'core.public.log' WHERE record_offset = 3;
SELECT stale FROM standin.cdc_dead_letters WHERE record_offset = 3;
SELECT standin.cdc_dead_letter_discard('gone', 'core.public.a', 0, 9, 'none such');
SELECT standin.cdc_dead_letter_discard('gone', 'core.public.a', NULL::integer, NULL::bigint, 'all?');
SELECT standin.cdc_dead_letter_discard('gone', 'core.public.a', 0, 1, ' ');
SET ROLE cdco_operator;
SELECT standin.cdc_dead_letter_discard('gone', 'core.public.a', 0, 1, 'told by the core''s team');
SELECT standin.cdc_dead_letter_discard('gone', sqlstate => '22001', reason => 'a test');
-- The arguments are those of a retry: the second is a topic, and a slip of the pen discards nothing.
SELECT standin.cdc_dead_letter_discard('gone', 'core.public.a');
SELECT standin.cdc_dead_letter_discard('o', reason => 'everything?');
SELECT standin.cdc_dead_letter_discard('o', 'core.public.log', reason => 'one topic');
SELECT topic, record_offset FROM standin.cdc_dead_letters WHERE source = 'o' ORDER BY record_offset;
-- The way back: what was discarded stays noted, and is taken back once.
SELECT standin.cdc_dead_letter_restore('o', 'core.public.log', 0, 3);
SELECT standin.cdc_dead_letter_restore('o', 'core.public.log', 0, 3);
SELECT standin.cdc_dead_letter_restore('o');
SELECT standin.cdc_dead_letter_restore('gone', 'core.public.a');
SELECT source, topic, record_offset, key, stale, restored_by FROM standin.cdc_dead_letters ORDER BY record_offset;
SELECT standin.cdc_dead_letter_retry('gone', 'core.public.a', 0, 1);
SELECT standin.cdc_dead_letter_discard('gone', 'core.public.a', reason => 'again');
RESET ROLE;
SET ROLE cdco_auditor;
SELECT source, topic, record_offset, sqlstate, discarded_by, reason, restored_by FROM standin.cdc_dead_letters_discarded ORDER BY record_offset, discarded_at;
SELECT count(*) FROM standin.cdc_dead_letters WHERE source = 'gone';
SELECT count(*) FROM standin.cdc_signals;
SELECT standin.cdc_seek('o', 'core.public.a', 'end');
SELECT standin.cdc_dead_letter_discard('o', reason => 'an auditor only reads', everything => true);
RESET ROLE;
SELECT standin.cdc_dead_letter_discard('o', reason => 'cleaning up', everything => true) >= 0;
SELECT standin.cdc_source_drop('o');
DROP TABLE cdco_a, cdco_copy, cdco_log, cdco_signal; DROP SERVER ko;
REVOKE USAGE, CREATE ON SCHEMA public FROM cdco_owner;
DROP ROLE cdco_owner, cdco_operator, cdco_auditor;
