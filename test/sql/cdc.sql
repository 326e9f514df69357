-- What change capture says to those who set it up wrong; no Kafka is needed for that.
\set SHOW_CONTEXT never
CREATE ROLE cdc_owner; CREATE ROLE cdc_stranger; CREATE ROLE cdc_admin IN ROLE standin_admin;
GRANT USAGE ON SCHEMA public TO cdc_owner, cdc_stranger;
-- Servers and user mappings: options by an allow-list, secrets apart, files for superusers.
CREATE SERVER k FOREIGN DATA WRAPPER standin_kafka;
CREATE SERVER k FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.server" 'localhost:9092');
CREATE SERVER k FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" 'localhost:9092', "security.protocol" 'tls');
CREATE SERVER k FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" 'localhost:9092', "sasl.password" 'secret');
CREATE SERVER k FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" 'localhost:9092', "plugin.library.paths" 'evil');
CREATE SERVER k FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE USER MAPPING FOR standin_owner SERVER k OPTIONS ("sasl.pasword" 'secret');
CREATE USER MAPPING FOR standin_owner SERVER k OPTIONS ("bootstrap.servers" 'x');
CREATE USER MAPPING FOR standin_owner SERVER k OPTIONS ("sasl.username" 'u', "sasl.password" 'secret');
SET ROLE cdc_admin;
CREATE SERVER of_admin FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1', "ssl.key.location" '/etc/shadow');
CREATE SERVER of_admin FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT standin.cdc_source_create('s', 'k');
RESET ROLE;
-- Sources.
SELECT standin.cdc_source_create('s', 'nowhere');
SELECT standin.cdc_source_create('no spaces', 'k');
SELECT standin.cdc_source_create('s', 'k', time_precision_mode => 'minutes');
SELECT standin.cdc_source_create('s', 'k', decimal_handling_mode => 'exact');
SELECT standin.cdc_source_create('s', 'k', batch_records => 0);
SELECT standin.cdc_source_create('s', 'k', consistency => 'transaction');
SELECT standin.cdc_source_create('s', 'k', consistency => 'transaction', transaction_topic => 'x.transaction', workers => 2);
SELECT standin.cdc_source_create('s', 'k', on_message => 'call');
SELECT standin.cdc_source_create('s', 'k', dead_letter_limit => 0);
SELECT standin.cdc_source_create('s', 'k', unavailable_value_placeholder => '');
SELECT standin.cdc_source_create('s', 'k', paused => true);
SELECT standin.cdc_source_create('s', 'k');
-- Tables.
CREATE TABLE cdc_target (id int PRIMARY KEY, v text);
CREATE TABLE cdc_deferred (id int PRIMARY KEY DEFERRABLE);
CREATE VIEW cdc_view AS SELECT * FROM cdc_target;
SELECT standin.cdc_table_add('s', 't', 'cdc_target');
ALTER TABLE cdc_target OWNER TO cdc_owner;
SELECT standin.cdc_table_add('unknown', 't', 'cdc_target');
SELECT standin.cdc_table_add('s', 't', 'cdc_unknown');
SELECT standin.cdc_table_add('s', 't', 'cdc_deferred');
SELECT standin.cdc_table_add('s', 't', 'cdc_view');
SELECT standin.cdc_table_add('s', 't', 'standin_private.cdc_table');
SELECT standin.cdc_table_add('s', 'no topic', 'cdc_target');
SELECT standin.cdc_table_add('s', 't', 'cdc_target', on_truncate => 'delete');
SELECT standin.cdc_table_add('s', 't', 'cdc_target', apply_role => 'cdc_nobody');
SELECT standin.cdc_table_add('s', 't', 'cdc_target', apply_role => 'cdc_stranger');
GRANT USAGE ON FOREIGN SERVER k TO cdc_admin;
SET ROLE cdc_admin;
SELECT standin.cdc_table_add('s', 't', 'cdc_target');
RESET ROLE;
SELECT standin.cdc_table_add('s', 't', 'cdc_target');
SELECT standin.cdc_table_add('s', 't', 'cdc_target');
SELECT source, topic, target, apply_role, on_truncate FROM standin.cdc_tables;
SELECT source, server, paused FROM standin.cdc_sources;
SELECT topic, partition, target, next_offset, lag_messages FROM standin.stat_cdc;
-- Seek, pause, removal.
SELECT standin.cdc_seek('s', 'other', 0, 0);
SELECT standin.cdc_seek('s', 't', 0, -1);
SELECT standin.cdc_seek('s', 't', 0, 42);
SELECT topic, partition, next_offset FROM standin.stat_cdc;
SELECT standin.cdc_pause('unknown');
SELECT standin.cdc_resume('unknown');
SELECT standin.cdc_table_remove('s', 'other');
SELECT standin.cdc_table_remove('s', 't');
SELECT count(*) FROM standin_private.kafka_offset;
SELECT standin.cdc_source_drop('s');
SELECT standin.cdc_source_drop('s');
-- Nobody else may, and nobody sees the secrets.
SET ROLE cdc_stranger;
SELECT standin.cdc_source_create('s', 'k');
SELECT * FROM standin.cdc_dead_letters;
SELECT umoptions FROM pg_user_mappings WHERE srvname = 'k';
RESET ROLE;
DROP SERVER k CASCADE; DROP SERVER of_admin;
DROP VIEW cdc_view; DROP TABLE cdc_target, cdc_deferred;
REVOKE USAGE ON SCHEMA public FROM cdc_owner, cdc_stranger;
DROP ROLE cdc_owner, cdc_stranger, cdc_admin;
