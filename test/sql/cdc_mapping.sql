-- What mappings say to those who set them up wrong; no Kafka is needed for that.
\set SHOW_CONTEXT never
\set VERBOSITY default
CREATE ROLE map_owner; CREATE ROLE map_other; CREATE ROLE map_admin IN ROLE standin_admin;
GRANT USAGE, CREATE ON SCHEMA public TO map_owner, map_other;
CREATE SERVER mk FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" 'localhost:9');
-- The key of hashes is a secret of the user mapping.
ALTER SERVER mk OPTIONS (ADD "cdc.hash.key" '0123456789abcdef');
CREATE USER MAPPING FOR standin_owner SERVER mk OPTIONS ("cdc.hash.key" 'short');
CREATE USER MAPPING FOR standin_owner SERVER mk OPTIONS ("cdc.hash.key" '0123456789abcdef');
CREATE TABLE map_target (
    id int PRIMARY KEY, pan text, pan_hash bytea, short varchar(10), amount numeric(10,2), day date, n bigint, ts timestamptz,
    doc jsonb, twice int GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE map_target OWNER TO map_owner;
SELECT standin.cdc_source_create('m', 'mk');
SELECT standin.cdc_table_add('m', 't', 'map_target', row_filter => 'amount');
SELECT standin.cdc_table_add('m', 't', 'map_target', row_filter => 'amount > ');
SELECT standin.cdc_table_add('m', 't', 'map_target', row_filter => 'colour = 1');
SELECT standin.cdc_table_add('m', 't', 'map_target', row_filter => 'amount > 0 AND event->>''kind'' = ''A''');
-- What does not exist.
SELECT standin.cdc_column_map('x', 't', 'pan', field => 'f');
SELECT standin.cdc_column_map('m', 'x', 'pan', field => 'f');
SELECT standin.cdc_column_map('m', 't', 'colour', field => 'f');
SELECT standin.cdc_column_map('m', 't', 'twice', field => 'f');
-- One way each.
SELECT standin.cdc_column_map('m', 't', 'pan');
SELECT standin.cdc_column_map('m', 't', 'pan', field => '');
SELECT standin.cdc_column_map('m', 't', 'pan', mask => 'all', hash => true);
SELECT standin.cdc_column_map('m', 't', 'pan', field => 'f', constant => 'c');
-- Masks.
SELECT standin.cdc_column_map('m', 't', 'pan', mask => 'last');
SELECT standin.cdc_column_map('m', 't', 'amount', mask => 'last4');
SELECT standin.cdc_column_map('m', 't', 'amount', mask => 'text:zero');
SELECT standin.cdc_column_map('m', 't', 'amount', mask => 'text:0');
SELECT standin.cdc_column_unmap('m', 't', 'amount');
SELECT standin.cdc_column_map('m', 't', 'id', mask => 'all');
-- Hashes.
SELECT standin.cdc_column_map('m', 't', 'short', hash => true);
SELECT standin.cdc_column_map('m', 't', 'n', hash => true);
-- Constants and metadata.
SELECT standin.cdc_column_map('m', 't', 'day', constant => 'tomorrowish');
SELECT standin.cdc_column_map('m', 't', 'short', constant => 'longer than ten');
SELECT standin.cdc_column_map('m', 't', 'n', metadata => 'lsn');
SELECT standin.cdc_column_map('m', 't', 'n', metadata => 'source_ts');
SELECT standin.cdc_column_map('m', 't', 'id', metadata => 'offset');
-- Expressions.
SELECT standin.cdc_column_map('m', 't', 'n', expression => 'id +');
SELECT standin.cdc_column_map('m', 't', 'n', expression => 'id, id');
SELECT standin.cdc_column_map('m', 't', 'n', expression => '1); SELECT (2');
SELECT standin.cdc_column_map('m', 't', 'n', expression => 'colour');
SELECT standin.cdc_column_map('m', 't', 'n', expression => 'n');
SELECT standin.cdc_column_map('m', 't', 'n', expression => '$1');
SELECT standin.cdc_column_map('m', 't', 'n', expression => 'map_target.id');
SELECT standin.cdc_column_map('m', 't', 'n', expression => 'pan');
SELECT standin.cdc_column_map('m', 't', 'day', expression => 'ts');
SELECT standin.cdc_column_map('m', 't', 'id', expression => '(extract(epoch from now()))::int');
SELECT standin.cdc_column_map('m', 't', 'id', expression => '(SELECT 1)');
SELECT standin.cdc_column_map('m', 't', 'id', expression => '(event->>''ID'')::int -- a comment');
SELECT standin.cdc_column_unmap('m', 't', 'id');
-- An expression uses what is stored, not what another computes.
SELECT standin.cdc_column_map('m', 't', 'n', expression => 'length(short)');
SELECT standin.cdc_column_map('m', 't', 'short', expression => '''x''');
SELECT standin.cdc_column_map('m', 't', 'amount', expression => '1');
SELECT standin.cdc_column_unmap('m', 't', 'n');
-- It is parsed as the role that applies, with a pinned search_path.
CREATE TABLE map_secret (x int); INSERT INTO map_secret VALUES (1);
CREATE FUNCTION map_whoami(int) RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
SELECT standin.cdc_column_map('m', 't', 'pan', expression => 'map_whoami(id)');
SELECT standin.cdc_column_map('m', 't', 'pan', expression => 'public.map_whoami(id)');
SELECT standin.cdc_column_unmap('m', 't', 'pan');
-- Confidential fields reach no column in the clear.
SELECT standin.cdc_column_map('m', 't', 'pan_hash', field => 'pan', hash => true);
SELECT standin.cdc_column_map('m', 't', 'pan', mask => 'first6last4');
SELECT standin.cdc_column_map('m', 't', 'pan_hash', field => 'pan', hash => true);
SELECT standin.cdc_column_map('m', 't', 'short', field => 'PAN');
SELECT standin.cdc_column_unmap('m', 't', 'pan');
SELECT standin.cdc_field_drop('m', 't', 'pan');
SELECT standin.cdc_field_drop('m', 't', 'day');
SELECT standin.cdc_field_drop('m', 't', '');
SELECT standin.cdc_field_drop('m', 't', 'cvv');
SELECT standin.cdc_field_drop('m', 't', 'cvv');
-- Nor are they left in dead letters from before.
INSERT INTO standin_private.kafka_dead_letter (consumer, topic, partition, record_offset, value, sqlstate, error)
VALUES ('m', 't', 0, 1, 'x', '22023', 'e');
SELECT standin.cdc_field_drop('m', 't', 'name');
SELECT standin.cdc_column_map('m', 't', 'short', mask => 'all');
UPDATE standin_private.kafka_dead_letter SET redacted = true WHERE consumer = 'm';
SELECT standin.cdc_column_map('m', 't', 'short', mask => 'all');
DELETE FROM standin_private.kafka_dead_letter WHERE consumer = 'm';
-- The table's options.
SELECT standin.cdc_table_alter('m', 'x');
SELECT standin.cdc_table_alter('m', 't', row_filter => 'short');
SELECT standin.cdc_table_alter('m', 't', on_truncate => 'maybe');
SELECT standin.cdc_table_alter('m', 't', apply_role => 'postgres');
SELECT standin.cdc_table_alter('m', 't', foreign_keys => 'skip');
SELECT standin.cdc_table_alter('m', 't', row_filter => '', on_truncate => 'apply', data_collection => 'public.t');
SELECT kind, on_truncate, schema_evolution, foreign_keys, row_filter, data_collection FROM standin.cdc_tables WHERE source = 'm';
SELECT column_name, kind, field, argument, confidential FROM standin.cdc_columns WHERE source = 'm' ORDER BY 1, 2;
-- Only whoever could write the table may say what is written, and run expressions as its owner.
SET ROLE map_admin;
SELECT standin.cdc_column_map('m', 't', 'n', expression => '1');
SELECT standin.cdc_field_drop('m', 't', 'x');
SELECT standin.cdc_column_unmap('m', 't', 'cvv');
SELECT standin.cdc_table_alter('m', 't', row_filter => 'true');
SET ROLE map_other;
SELECT standin.cdc_column_map('m', 't', 'n', constant => '1');
SELECT * FROM standin.cdc_columns;
SELECT standin_private.cdc_mapping_check('map_target', 'postgres', 'n', 'expression', '1', '{}', false);
RESET ROLE;
SELECT standin_private.cdc_mapping_check('map_target', 'postgres', 'n', 'expression', '1', '{}', false);
-- A table that is gone.
DROP TABLE map_target;
SELECT standin.cdc_column_map('m', 't', 'n', constant => '1');
SELECT standin.cdc_source_drop('m');
SELECT count(*) FROM standin_private.cdc_column;
DROP SERVER mk CASCADE; DROP TABLE map_secret; DROP FUNCTION map_whoami;
REVOKE USAGE, CREATE ON SCHEMA public FROM map_owner, map_other;
DROP ROLE map_owner, map_other, map_admin;
