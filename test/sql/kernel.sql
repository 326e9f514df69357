-- What all rooms share: clock, wake-up, crash points, instance guard, preflight.
SELECT standin.version();
SELECT kind, key, state FROM standin.stat_worker WHERE kind NOT IN ('cdc', 'prober', 'replay', 'executor');
SELECT check_name, status FROM standin.preflight() WHERE status = 'error';
-- The library and the SQL objects must be of one version.
BEGIN;
UPDATE pg_extension SET extversion = '0.0.1' WHERE extname = 'pg_standin';
SELECT status, found FROM standin.preflight() WHERE check_name = 'library_version';
ROLLBACK;
-- The clock goes forward only, and only where a test may move it.
SELECT standin_private.clock_now() - clock_timestamp() < '1 second' AS server_time;
SELECT standin_private.clock_advance('1 hour') IS NOT NULL AS advanced;
SELECT standin_private.clock_now() > clock_timestamp() + '59 minutes' AND standin_private.clock_now() < clock_timestamp() + '61 minutes' AS by_an_hour;
SELECT standin_private.clock_advance('-1 hour');
SELECT standin_private.clock_advance('1 month');
SELECT standin_private.wake('nobody');
CREATE TABLE announcing (i int);
CREATE TRIGGER wake AFTER INSERT ON announcing FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor', 'nobody');
INSERT INTO announcing VALUES (1);
DROP TABLE announcing;
SELECT standin_private.crash_point_arm(repeat('x', 64));
-- The instance guard: bound to this server by the first definition.
SELECT standin.workflow_define('kernel') IS NOT NULL AS defined;
SELECT refusal IS NULL AS may_speak FROM standin.instance;
BEGIN;
ALTER TABLE standin_private.instance DISABLE TRIGGER USER;
UPDATE standin_private.instance SET system_identifier = '1';
SELECT standin_private.instance_refusal() LIKE 'bound to system identifier 1, this server has %' AS another_server;
ROLLBACK;
BEGIN;
ALTER TABLE standin_private.instance DISABLE TRIGGER USER;
UPDATE standin_private.instance SET data_directory = '/elsewhere', host = 'h';
SELECT standin_private.instance_refusal() LIKE 'bound to /elsewhere on host h, this is %' AS another_place;
ROLLBACK;
BEGIN;
ALTER TABLE standin_private.instance DISABLE TRIGGER USER;
UPDATE standin_private.instance SET database_oid = 1;
SELECT standin_private.instance_refusal();
ROLLBACK;
BEGIN;
ALTER TABLE standin_private.instance DISABLE TRIGGER USER;
UPDATE standin_private.instance SET timeline = 7;
SELECT standin_private.instance_refusal();
UPDATE standin_private.instance SET setting = 'bank-a';
SELECT standin_private.instance_refusal();
-- A restored dump brings a second row, which no CREATE EXTENSION supersedes.
ROLLBACK;
BEGIN;
INSERT INTO standin_private.instance (system_identifier, host, data_directory, database_oid, timeline, reason)
VALUES ('1', 'h', '/d', 1, 1, 'created');
SELECT standin_private.instance_refusal() IS NOT NULL AS refused;
SELECT standin.instance_adopt(' ');
ROLLBACK;
BEGIN;
INSERT INTO standin_private.instance (system_identifier, host, data_directory, database_oid, timeline, reason)
VALUES ('1', 'h', '/d', 1, 1, 'created');
SELECT standin.instance_adopt('the old server burnt down') IS NOT NULL AS adopted;
SELECT standin_private.instance_refusal() IS NULL AS may_speak, count(*) FILTER (WHERE superseded_by IS NULL) AS bound FROM standin_private.instance;
ROLLBACK;
-- Nobody but an admin adopts, nobody reads private tables.
CREATE ROLE kernel_nobody;
SET ROLE kernel_nobody;
SELECT standin.instance_adopt('mine');
SELECT * FROM standin_private.instance;
RESET ROLE;
GRANT standin_app TO kernel_nobody;
SET ROLE kernel_nobody;
SELECT standin.instance_adopt('mine');
SELECT * FROM standin_private.instance;
SELECT standin_private.clock_advance('1 hour');
RESET ROLE;
DROP ROLE kernel_nobody;
SET pg_standin.misspelt = 1;
