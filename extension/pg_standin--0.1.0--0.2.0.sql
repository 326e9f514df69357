\echo Use "ALTER EXTENSION pg_standin UPDATE" to load this file. \quit
-- Written by cmake/upgrade_sql.py from the two install scripts and sql/upgrade.
SET LOCAL search_path = pg_catalog, pg_temp;

DROP VIEW standin_private.worker_wanted;
DROP VIEW standin.stat_cdc;
DROP VIEW standin.cdc_dead_letters;
DROP VIEW standin.cdc_tables;
DROP VIEW standin.cdc_sources;
DROP VIEW standin_private.cdc_workers;
DROP VIEW standin.stat_worker;
DROP FUNCTION standin.cdc_source_create(source text, server name, time_precision_mode text, decimal_handling_mode text, binary_handling_mode text, unavailable_value_placeholder text, batch_records integer, batch_kilobytes integer, queue_kilobytes integer, paused boolean);
DROP FUNCTION standin.cdc_table_add(source text, topic text, target regclass, apply_role name, on_truncate text);

-- Tables that changed, with what they hold. Existing sources and tables keep the behaviour of version 0.1.0.
-- cmake/upgrade_sql.py writes the rest of the upgrade: what is new, and functions and views that changed.
ALTER TABLE standin_private.cdc_source
    DROP CONSTRAINT cdc_source_time_precision_mode_check,
    ADD CONSTRAINT cdc_source_time_precision_mode_check CHECK (time_precision_mode IN
        ('adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds')),
    ALTER COLUMN time_precision_mode DROP DEFAULT,
    ALTER COLUMN decimal_handling_mode DROP DEFAULT,
    ALTER COLUMN binary_handling_mode DROP DEFAULT,
    ALTER COLUMN unavailable_value_placeholder DROP DEFAULT,
    ALTER COLUMN batch_records DROP DEFAULT,
    ALTER COLUMN batch_kilobytes DROP DEFAULT,
    ALTER COLUMN queue_kilobytes DROP DEFAULT,
    ADD COLUMN interval_handling_mode text NOT NULL DEFAULT 'numeric' CHECK (interval_handling_mode IN ('numeric', 'string')),
    ADD COLUMN message_format text NOT NULL DEFAULT 'auto' CHECK (message_format IN ('auto', 'envelope', 'flattened')),
    ADD COLUMN rounding text NOT NULL DEFAULT 'truncate' CHECK (rounding IN ('error', 'truncate', 'round')),
    ADD COLUMN consistency text NOT NULL DEFAULT 'eventual' CHECK (consistency IN ('eventual', 'transaction')),
    ADD COLUMN workers integer NOT NULL DEFAULT 1 CHECK (workers BETWEEN 1 AND 32),
    ADD COLUMN transaction_topic text CHECK (transaction_topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    ADD COLUMN on_stall text NOT NULL DEFAULT 'wait' CHECK (on_stall IN ('wait', 'apply')),
    ADD COLUMN stall_timeout interval NOT NULL DEFAULT '1 minute' CHECK (stall_timeout > '0'),
    ADD COLUMN on_message text NOT NULL DEFAULT 'ignore' CHECK (on_message IN ('ignore', 'store', 'call')),
    ADD COLUMN message_function regprocedure,
    ADD COLUMN dead_letter_limit integer NOT NULL DEFAULT 1000 CHECK (dead_letter_limit > 0),
    ADD COLUMN dead_letter_window interval NOT NULL DEFAULT '1 minute' CHECK (dead_letter_window > '0'),
    ADD COLUMN conflict_timeout interval NOT NULL DEFAULT '5 seconds' CHECK (conflict_timeout >= '0'),
    ADD COLUMN signal_topic text CHECK (signal_topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    ADD COLUMN signal_table regclass,
    ADD COLUMN message_topic text CHECK (message_topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    ADD COLUMN schema_topic text CHECK (schema_topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD CHECK (consistency = 'eventual' OR (workers = 1 AND transaction_topic IS NOT NULL)),
    ADD CHECK ((on_message = 'call') = (message_function IS NOT NULL));
ALTER TABLE standin_private.cdc_source
    ALTER COLUMN interval_handling_mode DROP DEFAULT,
    ALTER COLUMN message_format DROP DEFAULT,
    ALTER COLUMN rounding DROP DEFAULT,
    ALTER COLUMN consistency DROP DEFAULT,
    ALTER COLUMN workers DROP DEFAULT,
    ALTER COLUMN on_stall DROP DEFAULT,
    ALTER COLUMN stall_timeout DROP DEFAULT,
    ALTER COLUMN on_message DROP DEFAULT,
    ALTER COLUMN dead_letter_limit DROP DEFAULT,
    ALTER COLUMN dead_letter_window DROP DEFAULT,
    ALTER COLUMN conflict_timeout DROP DEFAULT;

ALTER TABLE standin_private.cdc_table
    DROP CONSTRAINT cdc_table_topic_check,
    ADD CONSTRAINT cdc_table_topic_check
        CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$' OR (topic LIKE '^%' AND length(topic) <= 1000)),
    DROP CONSTRAINT cdc_table_on_truncate_check,
    ADD CONSTRAINT cdc_table_on_truncate_check CHECK (on_truncate IN ('dead_letter', 'ignore', 'apply')),
    ALTER COLUMN on_truncate DROP DEFAULT,
    ADD COLUMN kind text NOT NULL DEFAULT 'current' CHECK (kind IN ('current', 'history')),
    ADD COLUMN schema_evolution text NOT NULL DEFAULT 'ignore' CHECK (schema_evolution IN ('ignore', 'add', 'fail')),
    ADD COLUMN foreign_keys text NOT NULL DEFAULT 'enforce' CHECK (foreign_keys IN ('enforce', 'skip')),
    ADD COLUMN row_filter text CHECK (row_filter <> ''),
    ADD COLUMN data_collection text CHECK (data_collection <> '');
ALTER TABLE standin_private.cdc_table
    ALTER COLUMN kind DROP DEFAULT,
    ALTER COLUMN schema_evolution DROP DEFAULT,
    ALTER COLUMN foreign_keys DROP DEFAULT;

ALTER TABLE standin_private.cdc_progress
    ADD COLUMN truncates bigint NOT NULL DEFAULT 0,
    ADD COLUMN messages bigint NOT NULL DEFAULT 0,
    ADD COLUMN filtered bigint NOT NULL DEFAULT 0,
    ADD COLUMN duplicates bigint NOT NULL DEFAULT 0,
    ADD COLUMN debezium_at timestamptz,
    ADD COLUMN flattened boolean,
    ADD COLUMN incomplete bigint NOT NULL DEFAULT 0;

ALTER TABLE standin_private.kafka_offset
    ADD COLUMN seek_at timestamptz CHECK (seek_at > '-infinity'),
    ADD COLUMN stop_offset bigint CHECK (stop_offset > 0),
    ADD COLUMN record_offset bigint CHECK (record_offset >= 0),
    ADD COLUMN record_hash bigint,
    ADD CHECK ((record_offset IS NULL) = (record_hash IS NULL));

ALTER TABLE standin_private.kafka_dead_letter
    ADD COLUMN redacted boolean NOT NULL DEFAULT false,
    ADD COLUMN superseded_by bigint,
    ADD COLUMN retry_at timestamptz,
    ADD COLUMN retry_by name,
    ADD COLUMN retry_force boolean NOT NULL DEFAULT false,
    ADD CHECK ((retry_at IS NULL) = (retry_by IS NULL) AND (retry_at IS NOT NULL OR NOT retry_force));

DO $$
BEGIN
    IF NOT 'pg_standin' = ANY (SELECT trim(both ' "' FROM library)
                               FROM unnest(string_to_array(current_setting('shared_preload_libraries'), ',')) AS library) THEN
        RAISE EXCEPTION 'pg_standin must be loaded at server start'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Add pg_standin to shared_preload_libraries in postgresql.conf and restart the server.';
    END IF;
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'pg_standin needs a database with encoding UTF8, this one has %', current_setting('server_encoding')
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Change events are UTF-8. Create a database with ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END $$;
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['standin_owner', 'standin_app', 'standin_operator', 'standin_approver',
                                     'standin_auditor', 'standin_admin', 'standin_nobody'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'standin_owner' AND (rolsuper OR rolcanlogin)) THEN
        RAISE EXCEPTION 'role standin_owner must be neither superuser nor able to log in'
            USING ERRCODE = 'invalid_grant_operation',
                  HINT = 'It owns the tables of pg_standin and runs its statements: ALTER ROLE standin_owner NOSUPERUSER NOLOGIN.';
    END IF;
END $$;
COMMENT ON ROLE standin_nobody IS 'has no rights: what triggers of others defer to the commit of a pg_standin worker runs as it';
COMMENT ON SCHEMA standin IS 'pg_standin: what applications, operators and auditors call and read';
COMMENT ON SCHEMA standin_private IS 'pg_standin: its tables and helpers; not for direct use';
GRANT USAGE ON SCHEMA standin TO standin_app, standin_operator, standin_approver, standin_auditor, standin_admin;
COMMENT ON FUNCTION standin.version() IS 'version of the loaded library; the SQL objects have that of pg_extension.extversion';
COMMENT ON FUNCTION standin_private.caller() IS 'who called a SECURITY DEFINER function: the session''s user or what it SET ROLE to; an error in code that an index, a materialized view or a connector runs';
COMMENT ON FUNCTION standin_private.wake(text) IS 'at the commit of this transaction, wakes the workers or sessions that listen to the channel';
COMMENT ON FUNCTION standin_private.wake_trigger() IS 'statement trigger: wakes the channels given as its arguments at commit';
COMMENT ON FUNCTION standin_private.clock_now() IS 'the product''s one clock: that of the server, unless a test advanced it';
COMMENT ON TABLE standin_private.instance IS 'servers that were bound to the outside, and by whom; kept whole';
COMMENT ON FUNCTION standin_private.instance_observed() IS 'what this server is: facts the instance guard compares';
COMMENT ON FUNCTION standin_private.timeline_descends(integer) IS 'whether this server''s timeline is the given one or a promotion of it';
COMMENT ON FUNCTION standin_private.instance_refusal() IS 'why nothing may leave this server, or null';
COMMENT ON FUNCTION standin_private.instance_bind(text) IS 'binds the outside to this server';
COMMENT ON FUNCTION standin.instance_adopt(text) IS 'lets this server speak to cores and Kafka from now on, instead of the one that was bound before: only when that one is gone for good. Errors: 22023 without a reason';
COMMENT ON VIEW standin.instance IS 'servers bound to the outside; refusal says why nothing leaves this one, null if it may';
GRANT EXECUTE ON FUNCTION standin.instance_adopt(text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.instance_refusal() TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.instance TO standin_operator, standin_auditor, standin_admin;
COMMENT ON TABLE standin_private.worker_mark IS 'workers started a moment ago; a mark that outlives the server names a suspect of its crash; kept whole';
COMMENT ON FUNCTION standin_private.stat_worker() IS 'the registry of workers in shared memory, this database''s part';
CREATE FUNCTION standin_private.process_memory(pid integer) RETURNS bigint
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'standin_process_memory';
COMMENT ON FUNCTION standin_private.process_memory(integer) IS 'bytes of memory that a server process has to itself right now (Linux: RssAnon), or null if there is no such process';
CREATE VIEW standin.stat_worker AS
SELECT w.kind, w.key, r.rolname AS role, w.state, w.detail, w.pid, w.since, w.restarts, w.error_sqlstate, w.last_error,
       w.error_at, w.outward, standin_private.process_memory(w.pid) AS memory_bytes
FROM standin_private.stat_worker() w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin.stat_worker IS 'the background workers of this database, running or not';
COMMENT ON COLUMN standin.stat_worker.state IS 'the worker''s own word (running, paused...), or: starting, stopped, crashed, held (suspected of a server crash), refused (instance guard or role), no_slot (max_worker_processes)';
COMMENT ON COLUMN standin.stat_worker.memory_bytes IS 'resident memory of its own, now; shared memory is not counted';
COMMENT ON COLUMN standin.stat_worker.restarts IS 'failures in a row';
GRANT EXECUTE ON FUNCTION standin_private.stat_worker(), standin_private.process_memory(integer) TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.stat_worker TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT USAGE ON SCHEMA standin TO pg_monitor;
COMMENT ON FUNCTION standin_private.clock_advance(interval) IS 'for tests: puts the product''s clock forward; superusers only, with pg_standin.allow_test_clock = on';
COMMENT ON FUNCTION standin_private.crash_point_arm(text, integer) IS 'for tests: the process that reaches the named point (after skip passes) kills itself; superusers only, test builds only';
COMMENT ON FUNCTION standin_private.librdkafka_version() IS 'version of the Kafka client library in this process';
COMMENT ON FUNCTION standin.preflight() IS 'what is missing or unwise on this server, a row each: ok, warning or error, with advice';
GRANT EXECUTE ON FUNCTION standin.preflight() TO standin_operator, standin_auditor, standin_admin;
COMMENT ON FUNCTION standin_private.kafka_validator(text[], oid) IS 'checks the options of CREATE SERVER and CREATE USER MAPPING against an allow-list of librdkafka properties';
COMMENT ON FOREIGN DATA WRAPPER standin_kafka IS 'a Kafka cluster: options are librdkafka properties; secrets go into the user mapping of standin_owner';
GRANT USAGE ON FOREIGN DATA WRAPPER standin_kafka TO standin_admin;
COMMENT ON TABLE standin_private.kafka_consumer IS 'who reads Kafka, from which foreign server, and whether an operator paused it; kept whole';
COMMENT ON TABLE standin_private.kafka_offset IS 'the next record to apply, moved by compare-and-set in the applying transaction; distributed by consumer, with the worker that owns it';
COMMENT ON COLUMN standin_private.kafka_offset.next_offset IS '0: from the beginning, wherever that is';
COMMENT ON COLUMN standin_private.kafka_offset.end_offset IS 'the end of the partition when last seen';
COMMENT ON COLUMN standin_private.kafka_offset.cluster_id IS 'the cluster that the offsets count in; empty until known';
COMMENT ON COLUMN standin_private.kafka_offset.seek_at IS 'where to go on once Kafka was asked: at the first record of this time or later, infinity: at the end; null: at next_offset';
COMMENT ON COLUMN standin_private.kafka_offset.stop_offset IS 'the first record that is not to be applied any more; null: go on for ever';
COMMENT ON COLUMN standin_private.kafka_offset.record_offset IS 'the last record taken from the partition, read and compared with record_hash before going on after a start: another one there means another topic of the same name';
COMMENT ON COLUMN standin_private.kafka_offset.record_hash IS 'FNV-1a of its timestamp, key and value';
CREATE INDEX ON standin_private.kafka_dead_letter (consumer, created_at);
CREATE INDEX ON standin_private.kafka_dead_letter (consumer, topic, partition, record_offset) WHERE retry_at IS NOT NULL;
CREATE INDEX ON standin_private.kafka_dead_letter USING hash (key) WHERE superseded_by IS NULL;
COMMENT ON TABLE standin_private.kafka_dead_letter IS 'records that could not be applied, with all a retry needs, written in the transaction that moved past them; outlives its consumer; distributed by consumer';
COMMENT ON COLUMN standin_private.kafka_dead_letter.redacted IS 'confidential fields are hidden in key, value and headers, or all of these are missing; the record itself is in Kafka, as long as it keeps it';
COMMENT ON COLUMN standin_private.kafka_dead_letter.headers IS 'array of {"key", "value"}, the value in base64';
COMMENT ON COLUMN standin_private.kafka_dead_letter.superseded_by IS 'offset of a later record of the same key that was applied: to apply this one now would bring old values back';
COMMENT ON COLUMN standin_private.kafka_dead_letter.retry_at IS 'when a retry was asked for that has not been made yet';
CREATE TABLE standin_private.kafka_dead_letter_discarded (
    LIKE standin_private.kafka_dead_letter,
    discard_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    discarded_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    discarded_by name NOT NULL,
    reason text NOT NULL CHECK (reason <> '')
);
COMMENT ON TABLE standin_private.kafka_dead_letter_discarded IS 'dead letters that an operator gave up, and who, when and why; nothing is ever taken from it; distributed by consumer';
COMMENT ON TABLE standin_private.cdc_source IS 'streams of Debezium change events and how their connector writes them; kept whole';
COMMENT ON COLUMN standin_private.cdc_source.version IS 'counts the changes of the source, its tables and their columns, and its pauses: a worker commits only what it applied by the last one';
COMMENT ON TABLE standin_private.cdc_table IS 'which topic of a source (or topics: a pattern begins with ^) is applied to which table, as whom (null: the table''s owner); kept whole';
COMMENT ON COLUMN standin_private.cdc_table.kind IS 'current: the target is as the source is; history: each event is a row';
COMMENT ON COLUMN standin_private.cdc_table.row_filter IS 'boolean expression; a row that does not match it is not in the target';
COMMENT ON COLUMN standin_private.cdc_table.data_collection IS 'the table''s name in END records of the transaction topic; null: the topic without its first word';
CREATE TABLE standin_private.cdc_column (
    source text NOT NULL,
    topic text NOT NULL,
    name name NOT NULL,
    kind text NOT NULL CHECK (kind IN ('field', 'expression', 'mask', 'hash', 'constant', 'metadata', 'drop')),
    field text CHECK (field <> ''),
    argument text,
    PRIMARY KEY (source, topic, name, kind),
    FOREIGN KEY (source, topic) REFERENCES standin_private.cdc_table ON DELETE CASCADE
);
CREATE UNIQUE INDEX ON standin_private.cdc_column (source, topic, name) WHERE kind <> 'drop';
COMMENT ON TABLE standin_private.cdc_column IS 'columns of targets that do not simply take the event''s field of their name; for kind drop the name is that of a field which is stored nowhere; kept whole';
COMMENT ON TABLE standin_private.cdc_progress IS 'what was applied from each partition, counted in the applying transactions; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_progress.incomplete IS 'of the transaction topic: records let through after stall_timeout though their transaction was not whole';
COMMENT ON COLUMN standin_private.cdc_progress.flattened IS 'whether the last row came flattened: then a tombstone is a delete; null: no row came yet';
CREATE TABLE standin_private.cdc_position (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL,
    partition integer NOT NULL,
    origin text NOT NULL,
    position bytea NOT NULL,
    source_micros bigint NOT NULL,
    seen bytea NOT NULL DEFAULT '',
    PRIMARY KEY (source, topic, partition, origin)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE standin_private.cdc_position IS 'how far each partition is in the log of the database that its events come from: what a restarted connector sends again is known by it; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_position.origin IS 'the connector''s name and the database, of Oracle also the redo thread, whose log the position counts in';
COMMENT ON COLUMN standin_private.cdc_position.position IS 'orders as bytes do';
COMMENT ON COLUMN standin_private.cdc_position.source_micros IS 'the latest time at the source up to there: an event from before the position, but of a later time, is none seen before (the source was restored or replaced)';
COMMENT ON COLUMN standin_private.cdc_position.seen IS 'hashes, of 8 bytes each, of the events seen at exactly this position: one record of the log can be many events';
CREATE TABLE standin_private.cdc_truncate (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL,
    origin text NOT NULL,
    position bytea NOT NULL,
    source_micros bigint NOT NULL,
    debezium_micros bigint NOT NULL,
    PRIMARY KEY (source, topic, origin)
);
COMMENT ON TABLE standin_private.cdc_truncate IS 'the last truncate applied of each topic with several partitions: rows from before it, which other partitions bring later, are not applied any more; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_truncate.position IS 'in the log of the origin, see cdc_position';
COMMENT ON COLUMN standin_private.cdc_truncate.source_micros IS 'microseconds since 1970, when it was committed: a row not beyond the position but of a later time comes from a restored source, and is applied';
COMMENT ON COLUMN standin_private.cdc_truncate.debezium_micros IS 'microseconds since 1970, when the connector made the event; tells on which side of it a row is that has no position; 0: the event does not say';
CREATE TABLE standin_private.cdc_message (
    source text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    prefix text NOT NULL,
    content bytea NOT NULL,
    lsn text,
    source_at timestamptz,
    at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (source, topic, partition, record_offset)
);
COMMENT ON TABLE standin_private.cdc_message IS 'logical messages of sources with on_message = store, stored in the transaction that moved past them; outlives its source; distributed by source';
COMMENT ON COLUMN standin_private.cdc_message.lsn IS 'where in the source''s log the message is, as pg_lsn is written';
CREATE TABLE standin_private.cdc_key_change (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    target regclass NOT NULL,
    origin text NOT NULL,
    position bytea NOT NULL,
    old_key text NOT NULL,
    stored jsonb NOT NULL,
    fetched boolean NOT NULL,
    new_key text[],
    at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (source, target, origin, position, old_key)
);
COMMENT ON TABLE standin_private.cdc_key_change IS 'between the two halves of a changed key, a delete and an insert that may come in different batches or partitions: the stored values that the insert withholds; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_key_change.position IS 'of both halves, see cdc_position; empty: they find each other by old_key';
COMMENT ON COLUMN standin_private.cdc_key_change.stored IS 'columns of the row under its old key, as text';
COMMENT ON COLUMN standin_private.cdc_key_change.new_key IS 'of the row that the values are, or are to be, in; null if it is not known';
COMMENT ON COLUMN standin_private.cdc_key_change.fetched IS 'the insert came first and took these values from the row, which was still there; the delete sees whether they were the last ones';
CREATE SEQUENCE standin_private.cdc_replay_number;
CREATE TABLE standin_private.cdc_signal (
    signal_id text PRIMARY KEY,
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    type text NOT NULL,
    data jsonb NOT NULL,
    signal_table regclass,
    signal_topic text,
    key text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    created_by name NOT NULL,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    error text,
    sent_at timestamptz,
    CHECK ((signal_table IS NULL) <> (signal_topic IS NULL))
);
CREATE INDEX ON standin_private.cdc_signal (source, created_at) WHERE sent_at IS NULL;
COMMENT ON TABLE standin_private.cdc_signal IS 'signals to connectors, committed before they are sent and marked after: sent at least once, known by their id; distributed by source';
COMMENT ON COLUMN standin_private.cdc_signal.key IS 'topic.prefix of the connector, which a signal in a topic is keyed by';
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_column
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc');
CREATE TRIGGER wake AFTER INSERT ON standin_private.cdc_signal
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc');
CREATE FUNCTION standin_private.cdc_topic_of(source text, topic text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.topic FROM standin_private.cdc_table t JOIN standin_private.cdc_source s USING (source)
    WHERE t.source = cdc_topic_of.source
      AND (t.topic = cdc_topic_of.topic
           OR (t.topic LIKE '^%' AND cdc_topic_of.topic ~ t.topic AND cdc_topic_of.topic NOT LIKE '\_\_%'
               AND cdc_topic_of.topic IS DISTINCT FROM s.transaction_topic AND cdc_topic_of.topic IS DISTINCT FROM s.signal_topic
               AND cdc_topic_of.topic IS DISTINCT FROM s.message_topic AND cdc_topic_of.topic IS DISTINCT FROM s.schema_topic))
    ORDER BY t.topic = cdc_topic_of.topic DESC, t.topic COLLATE "C" LIMIT 1
$$;
COMMENT ON FUNCTION standin_private.cdc_topic_of(text, text) IS 'the topic of cdc_table that a topic of Kafka belongs to: itself, or else the first pattern that it matches; null if none';
CREATE FUNCTION standin_private.cdc_worker_of(topic text, partition integer, workers integer) RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (((hashtextextended(topic, 0) & 2147483647) + partition) % workers)::integer
$$;
COMMENT ON FUNCTION standin_private.cdc_worker_of(text, integer, integer) IS 'which of a source''s workers, from 0 on, has the partition';
CREATE FUNCTION standin_private.cdc_worker_key(source text, ordinal integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT source || CASE WHEN ordinal = 0 THEN '' ELSE '/' || ordinal END
$$;
COMMENT ON FUNCTION standin_private.cdc_worker_key(text, integer) IS 'the name of a worker of a source: the source''s for the first, source/1 for the next';
COMMENT ON FUNCTION standin_private.cdc_source_check(text) IS 'raises 42704 if there is no such source';
CREATE FUNCTION standin_private.cdc_one_of(option text, value text, VARIADIC allowed text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(value = ANY (allowed), false) THEN
        RAISE EXCEPTION 'invalid % "%"', option, value USING ERRCODE = 'invalid_parameter_value',
            HINT = format('It is one of: %s.', array_to_string(allowed, ', '));
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_one_of(text, text, text[]) IS 'raises 22023 if an option has a value that it cannot have';
CREATE FUNCTION standin_private.cdc_message_function_check(function regprocedure, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    routine pg_proc;
    owner_name name;
BEGIN
    SELECT p.* INTO routine FROM pg_proc p WHERE p.oid = function;
    owner_name := pg_get_userbyid(routine.proowner);
    IF routine.prokind <> 'f' OR routine.proretset OR oidvectortypes(routine.proargtypes) <> 'text, bytea, text' THEN
        RAISE EXCEPTION 'function % cannot take logical messages', function USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A function (prefix text, content bytea, lsn text); what it returns is not looked at.';
    ELSIF NOT pg_has_role(caller, routine.proowner, 'MEMBER') THEN
        RAISE EXCEPTION 'must be owner of function %', function USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'It runs as its owner.';
    ELSIF owner_name = 'standin_owner' OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = routine.proowner AND r.rolsuper) THEN
        RAISE EXCEPTION 'logical messages are never handed to a function of a superuser or of pg_standin itself, and % is of "%"', function, owner_name
            USING ERRCODE = 'insufficient_privilege', HINT = format('ALTER FUNCTION %s OWNER TO ...;', function);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_message_function_check(regprocedure, name) IS 'raises an error with a hint if logical messages cannot be handed to the function';
CREATE FUNCTION standin_private.cdc_source_validate(s standin_private.cdc_source) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_one_of('time_precision_mode', s.time_precision_mode,
                'adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds'),
            standin_private.cdc_one_of('decimal_handling_mode', s.decimal_handling_mode, 'precise', 'string', 'double'),
            standin_private.cdc_one_of('binary_handling_mode', s.binary_handling_mode, 'bytes', 'base64', 'base64-url-safe', 'hex'),
            standin_private.cdc_one_of('interval_handling_mode', s.interval_handling_mode, 'numeric', 'string'),
            standin_private.cdc_one_of('message_format', s.message_format, 'auto', 'envelope', 'flattened'),
            standin_private.cdc_one_of('rounding', s.rounding, 'error', 'truncate', 'round'),
            standin_private.cdc_one_of('consistency', s.consistency, 'eventual', 'transaction'),
            standin_private.cdc_one_of('on_stall', s.on_stall, 'wait', 'apply'),
            standin_private.cdc_one_of('on_message', s.on_message, 'ignore', 'store', 'call');
    IF coalesce(s.unavailable_value_placeholder, '') = '' THEN
        RAISE EXCEPTION 'unavailable_value_placeholder is empty' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What Debezium''s unavailable.value.placeholder says.';
    ELSIF coalesce(s.batch_records NOT BETWEEN 1 AND 100000 OR s.batch_kilobytes NOT BETWEEN 64 AND 1048576
                   OR s.queue_kilobytes NOT BETWEEN 64 AND 2097151, true) THEN
        RAISE EXCEPTION 'batch or queue size out of range' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'batch_records is 1 to 100000, batch_kilobytes 64 to 1048576, queue_kilobytes 64 to 2097151.';
    ELSIF coalesce(s.workers NOT BETWEEN 1 AND 32, true) THEN
        RAISE EXCEPTION 'workers out of range: %', s.workers USING ERRCODE = 'invalid_parameter_value', HINT = 'It is 1 to 32.';
    ELSIF s.consistency = 'transaction' AND s.workers <> 1 THEN
        RAISE EXCEPTION 'consistency "transaction" has one worker' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Transactions of the source are applied in their order, across all partitions.';
    ELSIF s.consistency = 'transaction' AND s.transaction_topic IS NULL THEN
        RAISE EXCEPTION 'consistency "transaction" needs transaction_topic' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Set provide.transaction.metadata = true on the connector; the topic is <topic.prefix>.transaction.';
    ELSIF s.transaction_topic !~ '^[A-Za-z0-9._-]{1,249}$' OR s.signal_topic !~ '^[A-Za-z0-9._-]{1,249}$'
          OR s.message_topic !~ '^[A-Za-z0-9._-]{1,249}$' OR s.schema_topic !~ '^[A-Za-z0-9._-]{1,249}$' THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', coalesce(s.transaction_topic, s.signal_topic, s.message_topic, s.schema_topic) USING ERRCODE = 'invalid_name';
    ELSIF s.consistency = 'transaction' AND s.schema_topic IS NOT NULL THEN
        RAISE EXCEPTION 'schema_topic is for consistency "eventual"' USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Changes of a schema have no place among the source''s transactions.';
    ELSIF coalesce(s.stall_timeout <= '0' OR s.dead_letter_window <= '0' OR s.conflict_timeout < '0', true) THEN
        RAISE EXCEPTION 'stall_timeout, dead_letter_window and conflict_timeout are positive' USING ERRCODE = 'invalid_parameter_value';
    ELSIF coalesce(s.dead_letter_limit < 1, true) THEN
        RAISE EXCEPTION 'dead_letter_limit is a positive number' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'So many dead letters within dead_letter_window pause the source.';
    ELSIF s.on_message = 'call' AND s.message_function IS NULL THEN
        RAISE EXCEPTION 'on_message "call" needs message_function' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A function (prefix text, content bytea, lsn text).';
    ELSIF s.on_message <> 'call' AND s.message_function IS NOT NULL THEN
        RAISE EXCEPTION 'message_function is for on_message "call"' USING ERRCODE = 'invalid_parameter_value';
    ELSIF s.on_message = 'ignore' AND s.message_topic IS NOT NULL THEN
        RAISE EXCEPTION 'message_topic is for on_message "store" and "call"' USING ERRCODE = 'invalid_parameter_value';
    ELSIF s.message_function IS NOT NULL THEN
        PERFORM standin_private.cdc_message_function_check(s.message_function, standin_private.caller());
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_source_validate(standin_private.cdc_source) IS 'raises 22023 with a hint if a source cannot be so';
CREATE FUNCTION standin.cdc_source_create(
    source text, server name,
    time_precision_mode text DEFAULT 'adaptive', decimal_handling_mode text DEFAULT 'precise',
    binary_handling_mode text DEFAULT 'bytes', unavailable_value_placeholder text DEFAULT '__debezium_unavailable_value',
    batch_records integer DEFAULT 10000, batch_kilobytes integer DEFAULT 16384, queue_kilobytes integer DEFAULT 16384,
    paused boolean DEFAULT false, interval_handling_mode text DEFAULT 'numeric', message_format text DEFAULT 'auto',
    rounding text DEFAULT 'error', consistency text DEFAULT 'eventual', workers integer DEFAULT 1,
    transaction_topic text DEFAULT NULL, on_stall text DEFAULT 'wait', stall_timeout interval DEFAULT '1 minute',
    on_message text DEFAULT 'ignore', message_function regprocedure DEFAULT NULL,
    dead_letter_limit integer DEFAULT 1000, dead_letter_window interval DEFAULT '1 minute',
    conflict_timeout interval DEFAULT '5 seconds', signal_topic text DEFAULT NULL, signal_table regclass DEFAULT NULL,
    message_topic text DEFAULT NULL, schema_topic text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made standin_private.cdc_source;
BEGIN
    IF source IS NULL OR source !~ '^[A-Za-z0-9._-]{1,100}$' THEN
        RAISE EXCEPTION 'invalid name of a source: "%"', source USING ERRCODE = 'invalid_name',
            HINT = 'Use up to 100 letters, digits, dots, underscores and dashes.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                   WHERE s.srvname = server AND w.fdwname = 'standin_kafka') THEN
        RAISE EXCEPTION 'server "%" is not a server of standin_kafka', server USING ERRCODE = 'undefined_object',
            HINT = format('CREATE SERVER %I FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" ''host:9092'');', server);
    END IF;
    IF NOT has_server_privilege(standin_private.caller(), server, 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for foreign server %', server USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', server, standin_private.caller());
    END IF;
    IF EXISTS (SELECT FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_source_create.source) THEN
        RAISE EXCEPTION 'source "%" already exists', source USING ERRCODE = 'duplicate_object';
    END IF;
    made.source := source;
    made.time_precision_mode := time_precision_mode;
    made.decimal_handling_mode := decimal_handling_mode;
    made.binary_handling_mode := binary_handling_mode;
    made.interval_handling_mode := interval_handling_mode;
    made.unavailable_value_placeholder := unavailable_value_placeholder;
    made.message_format := message_format;
    made.rounding := rounding;
    made.consistency := consistency;
    made.workers := workers;
    made.transaction_topic := transaction_topic;
    made.on_stall := on_stall;
    made.stall_timeout := stall_timeout;
    made.on_message := on_message;
    made.message_function := message_function;
    made.dead_letter_limit := dead_letter_limit;
    made.dead_letter_window := dead_letter_window;
    made.conflict_timeout := conflict_timeout;
    made.signal_topic := signal_topic;
    made.signal_table := signal_table;
    made.message_topic := message_topic;
    made.schema_topic := schema_topic;
    made.batch_records := batch_records;
    made.batch_kilobytes := batch_kilobytes;
    made.queue_kilobytes := queue_kilobytes;
    made.version := 1;
    made.created_at := standin_private.clock_now();
    made.created_by := standin_private.caller();
    PERFORM standin_private.cdc_source_validate(made);
    INSERT INTO standin_private.kafka_consumer (consumer, server, paused, changed_by)
    VALUES (cdc_source_create.source, cdc_source_create.server, cdc_source_create.paused, standin_private.caller());
    INSERT INTO standin_private.cdc_source VALUES (made.*);
END $$;
COMMENT ON FUNCTION standin.cdc_source_create IS 'makes a source of change events: a worker (or several, each with its partitions) reads its topics from the Kafka cluster of the server. The README has a table of the options. Errors: 42704 unknown server, 42501 no USAGE on it, 42710 exists, 22023 an option out of range';
CREATE FUNCTION standin.cdc_source_alter(
    source text, server name DEFAULT NULL,
    time_precision_mode text DEFAULT NULL, decimal_handling_mode text DEFAULT NULL, binary_handling_mode text DEFAULT NULL,
    unavailable_value_placeholder text DEFAULT NULL, batch_records integer DEFAULT NULL, batch_kilobytes integer DEFAULT NULL,
    queue_kilobytes integer DEFAULT NULL, interval_handling_mode text DEFAULT NULL, message_format text DEFAULT NULL,
    rounding text DEFAULT NULL, consistency text DEFAULT NULL, workers integer DEFAULT NULL, transaction_topic text DEFAULT NULL,
    on_stall text DEFAULT NULL, stall_timeout interval DEFAULT NULL, on_message text DEFAULT NULL,
    message_function regprocedure DEFAULT NULL, dead_letter_limit integer DEFAULT NULL, dead_letter_window interval DEFAULT NULL,
    conflict_timeout interval DEFAULT NULL, signal_topic text DEFAULT NULL, signal_table regclass DEFAULT NULL,
    message_topic text DEFAULT NULL, schema_topic text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF server IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_foreign_server f JOIN pg_foreign_data_wrapper w ON w.oid = f.srvfdw
                       WHERE f.srvname = server AND w.fdwname = 'standin_kafka') THEN
            RAISE EXCEPTION 'server "%" is not a server of standin_kafka', server USING ERRCODE = 'undefined_object';
        ELSIF NOT has_server_privilege(standin_private.caller(), server, 'USAGE') THEN
            RAISE EXCEPTION 'permission denied for foreign server %', server USING ERRCODE = 'insufficient_privilege',
                HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', server, standin_private.caller());
        END IF;
        UPDATE standin_private.kafka_consumer c SET server = cdc_source_alter.server, changed_at = standin_private.clock_now(),
            changed_by = standin_private.caller() WHERE c.consumer = cdc_source_alter.source;
    END IF;
    SELECT * INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_source_alter.source FOR NO KEY UPDATE; -- workers refer to the row
    s.time_precision_mode := coalesce(time_precision_mode, s.time_precision_mode);
    s.decimal_handling_mode := coalesce(decimal_handling_mode, s.decimal_handling_mode);
    s.binary_handling_mode := coalesce(binary_handling_mode, s.binary_handling_mode);
    s.interval_handling_mode := coalesce(interval_handling_mode, s.interval_handling_mode);
    s.unavailable_value_placeholder := coalesce(unavailable_value_placeholder, s.unavailable_value_placeholder);
    s.message_format := coalesce(message_format, s.message_format);
    s.rounding := coalesce(rounding, s.rounding);
    s.consistency := coalesce(consistency, s.consistency);
    s.workers := coalesce(workers, s.workers);
    s.transaction_topic := coalesce(transaction_topic, s.transaction_topic);
    s.on_stall := coalesce(on_stall, s.on_stall);
    s.stall_timeout := coalesce(stall_timeout, s.stall_timeout);
    s.on_message := coalesce(on_message, s.on_message);
    s.message_function := CASE WHEN s.on_message = 'call' THEN coalesce(message_function, s.message_function) ELSE message_function END;
    s.dead_letter_limit := coalesce(dead_letter_limit, s.dead_letter_limit);
    s.dead_letter_window := coalesce(dead_letter_window, s.dead_letter_window);
    s.conflict_timeout := coalesce(conflict_timeout, s.conflict_timeout);
    s.signal_topic := coalesce(signal_topic, s.signal_topic);
    s.signal_table := coalesce(signal_table, s.signal_table);
    s.message_topic := coalesce(message_topic, s.message_topic);
    s.schema_topic := coalesce(schema_topic, s.schema_topic);
    s.batch_records := coalesce(batch_records, s.batch_records);
    s.batch_kilobytes := coalesce(batch_kilobytes, s.batch_kilobytes);
    s.queue_kilobytes := coalesce(queue_kilobytes, s.queue_kilobytes);
    PERFORM standin_private.cdc_source_validate(s);
    UPDATE standin_private.cdc_source c SET (time_precision_mode, decimal_handling_mode, binary_handling_mode, interval_handling_mode,
        unavailable_value_placeholder, message_format, rounding, consistency, workers, transaction_topic, on_stall, stall_timeout,
        on_message, message_function, dead_letter_limit, dead_letter_window, conflict_timeout, signal_topic, signal_table,
        batch_records, batch_kilobytes, queue_kilobytes, message_topic, schema_topic)
        = (s.time_precision_mode, s.decimal_handling_mode, s.binary_handling_mode, s.interval_handling_mode,
        s.unavailable_value_placeholder, s.message_format, s.rounding, s.consistency, s.workers, s.transaction_topic, s.on_stall,
        s.stall_timeout, s.on_message, s.message_function, s.dead_letter_limit, s.dead_letter_window, s.conflict_timeout,
        s.signal_topic, s.signal_table, s.batch_records, s.batch_kilobytes, s.queue_kilobytes, s.message_topic, s.schema_topic)
    WHERE c.source = cdc_source_alter.source;
END $$;
COMMENT ON FUNCTION standin.cdc_source_alter IS 'changes options of a source, those that are given, for all that is applied from the commit on; its workers start over. Errors: 42704 unknown source or server, 42501 no USAGE on it, 22023 an option out of range';
COMMENT ON FUNCTION standin.cdc_source_drop(text) IS 'stops the source and forgets its offsets; its tables and dead letters stay. Errors: 42704 unknown source';
CREATE OR REPLACE FUNCTION standin_private.cdc_target_check(target regclass, apply_role name, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation pg_class;
    owner_name name;
    as_role name;
    missing text;
    part record;
BEGIN
    SELECT c.* INTO relation FROM pg_class c WHERE c.oid = target;
    owner_name := pg_get_userbyid(relation.relowner);
    IF relation.relkind NOT IN ('r', 'p') OR relation.relnamespace IN ('pg_catalog'::regnamespace, 'standin_private'::regnamespace) THEN
        RAISE EXCEPTION 'cannot apply change events to %', target USING ERRCODE = 'wrong_object_type',
            HINT = 'The target is an ordinary or partitioned table.';
    ELSIF relation.relpersistence = 't' THEN
        RAISE EXCEPTION 'cannot apply change events to temporary table %', target USING ERRCODE = 'wrong_object_type';
    END IF;
    SELECT c.oid::regclass AS name, c.relkind = 'f' AS is_foreign INTO part
    FROM (SELECT target UNION SELECT t.relid FROM pg_partition_tree(target) t) p(relid) JOIN pg_class c ON c.oid = p.relid
    WHERE c.relpersistence = 'u' OR c.relkind = 'f' LIMIT 1;
    IF part.is_foreign THEN
        RAISE EXCEPTION 'cannot apply change events to %, since its partition % is a foreign table', target, part.name
            USING ERRCODE = 'wrong_object_type', DETAIL = 'Its server commits by itself, not with the offsets.';
    ELSIF FOUND THEN
        RAISE EXCEPTION 'cannot apply change events to unlogged table %', part.name USING ERRCODE = 'wrong_object_type',
            DETAIL = 'A crash would empty it, and the offsets would stay.',
            HINT = format('ALTER TABLE %s SET LOGGED;', part.name);
    END IF;
    IF EXISTS (SELECT FROM pg_index i WHERE i.indrelid = target AND i.indisprimary AND NOT (i.indisvalid AND i.indimmediate)) THEN
        RAISE EXCEPTION 'the primary key of table % is deferrable', target USING ERRCODE = 'invalid_table_definition',
            DETAIL = 'Updates and deletes are applied by key.',
            HINT = format('ALTER TABLE %s ADD PRIMARY KEY (...), not deferrable, on the columns of the event''s key.', target);
    END IF;
    IF NOT pg_has_role(caller, relation.relowner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of table %', target USING ERRCODE = 'insufficient_privilege';
    END IF;
    as_role := coalesce(apply_role, owner_name);
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = as_role) THEN
        RAISE EXCEPTION 'role "%" does not exist', as_role USING ERRCODE = 'undefined_object';
    ELSIF EXISTS (SELECT FROM pg_roles r WHERE r.rolname = as_role AND r.rolsuper) THEN
        RAISE EXCEPTION 'change events are never applied as a superuser, and "%" is one', as_role
            USING ERRCODE = 'insufficient_privilege',
            HINT = format('Give the table to another role (ALTER TABLE %s OWNER TO ...), or name one in apply_role.', target);
    ELSIF NOT pg_has_role(caller, as_role, 'MEMBER') THEN
        RAISE EXCEPTION 'must be member of role "%"', as_role USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT string_agg(p.privilege, ', ') INTO missing
    FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p(privilege)
    WHERE NOT has_table_privilege(as_role, target, p.privilege);
    IF missing IS NOT NULL OR NOT has_schema_privilege(as_role, relation.relnamespace, 'USAGE') THEN
        RAISE EXCEPTION 'role "%" may not apply change events to table %', as_role, target
            USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE ON SCHEMA %s TO %I; GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I;',
                          relation.relnamespace::regnamespace, as_role, target, as_role);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_target_check(regclass, name, name) IS 'raises an error with a hint if the table cannot be a target of change events';
CREATE FUNCTION standin_private.cdc_table_validate(t standin_private.cdc_table) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_one_of('kind', t.kind, 'current', 'history'),
            standin_private.cdc_one_of('on_truncate', t.on_truncate, 'dead_letter', 'ignore', 'apply'),
            standin_private.cdc_one_of('schema_evolution', t.schema_evolution, 'ignore', 'add', 'fail'),
            standin_private.cdc_one_of('foreign_keys', t.foreign_keys, 'enforce', 'skip'),
            standin_private.cdc_target_check(t.target, t.apply_role, standin_private.caller());
END $$;
COMMENT ON FUNCTION standin_private.cdc_table_validate(standin_private.cdc_table) IS 'raises an error if a table has an option out of range or a target that cannot be one';
CREATE FUNCTION standin.cdc_table_add(
    source text, topic text, target regclass, apply_role name DEFAULT NULL, on_truncate text DEFAULT 'dead_letter',
    kind text DEFAULT 'current', schema_evolution text DEFAULT 'ignore', foreign_keys text DEFAULT 'enforce',
    row_filter text DEFAULT NULL, data_collection text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF topic IS NULL OR NOT (topic ~ '^[A-Za-z0-9._-]{1,249}$' OR (topic LIKE '^_%' AND length(topic) <= 1000)) THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', topic USING ERRCODE = 'invalid_name',
            HINT = 'A topic, or a pattern of topics that begins with ^.';
    END IF;
    PERFORM '' ~ topic; -- a pattern that is none raises 2201B
    IF target IS NULL THEN
        RAISE EXCEPTION 'a target table must be given' USING ERRCODE = 'null_value_not_allowed';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_table c WHERE c.source = cdc_table_add.source AND c.topic = cdc_table_add.topic)
       OR EXISTS (SELECT FROM standin_private.cdc_table_planned c WHERE c.source = cdc_table_add.source AND c.topic = cdc_table_add.topic) THEN
        RAISE EXCEPTION 'topic "%" of source "%" already has a table', topic, source USING ERRCODE = 'duplicate_object',
            HINT = 'Take it away first with standin.cdc_table_remove.';
    END IF;
    t.source := source;
    t.topic := topic;
    t.target := target;
    t.kind := kind;
    t.apply_role := apply_role;
    t.on_truncate := on_truncate;
    t.schema_evolution := schema_evolution;
    t.foreign_keys := foreign_keys;
    t.row_filter := nullif(row_filter, '');
    t.data_collection := data_collection;
    t.created_at := standin_private.clock_now();
    t.created_by := standin_private.caller();
    PERFORM standin_private.cdc_table_validate(t), standin_private.cdc_filter_check(t);
    INSERT INTO standin_private.cdc_table SELECT t.*;
END $$;
COMMENT ON FUNCTION standin.cdc_table_add IS 'applies a topic of the source (or all topics that match a pattern beginning with ^) to a table, columns by name unless cdc_column_map says else, as the table''s owner or the role given (never as a superuser); starts at the topic''s beginning. Without a primary key rows are matched as a whole (REPLICA IDENTITY FULL at the source). The README has a table of the options. Errors: 42704 unknown source or role, 42710 topic taken, 42P16 deferrable primary key, 42809 not a table, 42501 not the owner or rights missing, 22023 an option out of range';
CREATE OR REPLACE FUNCTION standin.cdc_table_remove(source text, topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    topics text[];
    planned boolean;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT array_agg(o.topic) INTO topics FROM standin_private.kafka_offset o
    WHERE o.consumer = cdc_table_remove.source
      AND cdc_table_remove.topic IN (o.topic, standin_private.cdc_topic_of(o.consumer, o.topic));
    DELETE FROM standin_private.cdc_table_planned t WHERE t.source = cdc_table_remove.source AND t.topic = cdc_table_remove.topic;
    planned := FOUND;
    DELETE FROM standin_private.cdc_table t WHERE t.source = cdc_table_remove.source AND t.topic = cdc_table_remove.topic;
    IF NOT (FOUND OR planned) THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    END IF;
    DELETE FROM standin_private.kafka_offset o WHERE o.consumer = cdc_table_remove.source AND o.topic = ANY (topics);
    DELETE FROM standin_private.cdc_progress p WHERE p.source = cdc_table_remove.source AND p.topic = ANY (topics);
    DELETE FROM standin_private.cdc_position p WHERE p.source = cdc_table_remove.source AND p.topic = ANY (topics);
    DELETE FROM standin_private.cdc_truncate r WHERE r.source = cdc_table_remove.source AND r.topic = ANY (topics);
END $$;
COMMENT ON FUNCTION standin.cdc_table_remove(text, text) IS 'stops applying the topic and forgets its offsets; the table stays as it is. Errors: 42704 unknown source or topic';
CREATE TABLE standin_private.cdc_table_planned (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    schema_name name NOT NULL,
    table_name name NOT NULL,
    owner name NOT NULL,
    on_truncate text NOT NULL CHECK (on_truncate IN ('dead_letter', 'ignore', 'apply')),
    schema_evolution text NOT NULL CHECK (schema_evolution IN ('ignore', 'add', 'fail')),
    data_collection text CHECK (data_collection <> ''),
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    created_by name NOT NULL DEFAULT session_user,
    PRIMARY KEY (source, topic)
);
COMMENT ON TABLE standin_private.cdc_table_planned IS 'tables that the first event of a topic will create; a row becomes one of cdc_table then; kept whole';
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table_planned
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc');
CREATE TABLE standin_private.cdc_source_table (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    collection text NOT NULL,
    short_collection text NOT NULL,
    connector text NOT NULL,
    definition jsonb NOT NULL,
    altered text[] NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (source, collection)
);
COMMENT ON TABLE standin_private.cdc_source_table IS 'the source''s tables as its schema_topic described them last: events without a schema need it where a table or a column is to be made; kept whole';
COMMENT ON COLUMN standin_private.cdc_source_table.collection IS 'database, schema and table, as topics write them';
COMMENT ON COLUMN standin_private.cdc_source_table.short_collection IS 'the same without its first part, which some connectors'' topics leave out';
COMMENT ON COLUMN standin_private.cdc_source_table.definition IS 'the element table of Debezium''s tableChanges';
COMMENT ON COLUMN standin_private.cdc_source_table.altered IS 'columns whose type, or what decides how its values are written, was once another: rows written under it may still be to come';
CREATE FUNCTION standin_private.cdc_source_table_describe(source text, collection text, short_collection text, connector text, definition jsonb)
RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.cdc_source_table AS t (source, collection, short_collection, connector, definition)
    VALUES (cdc_source_table_describe.source, cdc_source_table_describe.collection, cdc_source_table_describe.short_collection,
            cdc_source_table_describe.connector, cdc_source_table_describe.definition)
    ON CONFLICT ON CONSTRAINT cdc_source_table_pkey DO UPDATE SET connector = excluded.connector, definition = excluded.definition, at = excluded.at,
        altered = ARRAY(
            SELECT unnest(t.altered)
            UNION
            SELECT now.name
            FROM jsonb_to_recordset(excluded.definition -> 'columns') AS now (name text, "typeName" text, length integer, scale integer),
                 jsonb_to_recordset(t.definition -> 'columns') AS before (name text, "typeName" text, length integer, scale integer)
            WHERE now.name = before.name
              AND ((now."typeName", now.scale) IS DISTINCT FROM (before."typeName", before.scale)
                   OR (now."typeName" ~* 'time' AND now.length IS DISTINCT FROM before.length)))
$$;
COMMENT ON FUNCTION standin_private.cdc_source_table_describe(text, text, text, text, jsonb) IS 'takes note of a table of the source, and of columns whose values it writes otherwise than before';
CREATE FUNCTION standin.cdc_table_create(
    source text, topic text, target text, owner name, on_truncate text DEFAULT 'dead_letter',
    schema_evolution text DEFAULT 'add', data_collection text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[] := parse_ident(target);
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF coalesce(topic !~ '^[A-Za-z0-9._-]{1,249}$', true) THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', topic USING ERRCODE = 'invalid_name';
    ELSIF coalesce(cardinality(parts) <> 2, true) THEN
        RAISE EXCEPTION 'the target is the name of a table with its schema, not "%"', target USING ERRCODE = 'invalid_name';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = cdc_table_create.source AND t.topic = cdc_table_create.topic)
       OR EXISTS (SELECT FROM standin_private.cdc_table_planned t WHERE t.source = cdc_table_create.source AND t.topic = cdc_table_create.topic) THEN
        RAISE EXCEPTION 'topic "%" of source "%" already has a table', topic, source USING ERRCODE = 'duplicate_object',
            HINT = 'Take it away first with standin.cdc_table_remove.';
    ELSIF to_regnamespace(quote_ident(parts[1])) IS NULL OR parts[1] IN ('pg_catalog', 'standin', 'standin_private') THEN
        RAISE EXCEPTION 'no schema "%" for tables', parts[1] USING ERRCODE = 'invalid_schema_name';
    ELSIF EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = parts[1] AND c.relname = parts[2]) THEN
        RAISE EXCEPTION 'table % exists', target USING ERRCODE = 'duplicate_table', HINT = 'Use standin.cdc_table_add.';
    ELSIF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner) THEN
        RAISE EXCEPTION 'role "%" does not exist', owner USING ERRCODE = 'undefined_object';
    ELSIF EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner AND r.rolsuper) THEN
        RAISE EXCEPTION 'change events are never applied as a superuser, and "%" is one', owner USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT pg_has_role(standin_private.caller(), owner, 'MEMBER') THEN
        RAISE EXCEPTION 'must be member of role "%"', owner USING ERRCODE = 'insufficient_privilege';
    ELSIF NOT has_schema_privilege(owner, quote_ident(parts[1])::regnamespace::oid, 'CREATE')
       OR NOT has_schema_privilege(owner, quote_ident(parts[1])::regnamespace::oid, 'USAGE') THEN
        RAISE EXCEPTION 'role "%" may not create tables in schema %', owner, parts[1] USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT USAGE, CREATE ON SCHEMA %I TO %I;', parts[1], owner);
    END IF;
    PERFORM standin_private.cdc_one_of('on_truncate', on_truncate, 'dead_letter', 'ignore', 'apply'),
            standin_private.cdc_one_of('schema_evolution', schema_evolution, 'ignore', 'add', 'fail');
    INSERT INTO standin_private.cdc_table_planned (source, topic, schema_name, table_name, owner, on_truncate, schema_evolution, data_collection, created_by)
    VALUES (cdc_table_create.source, cdc_table_create.topic, parts[1], parts[2], cdc_table_create.owner, cdc_table_create.on_truncate,
            cdc_table_create.schema_evolution, cdc_table_create.data_collection, standin_private.caller());
END $$;
COMMENT ON FUNCTION standin.cdc_table_create IS 'like cdc_table_add for a table that does not exist yet: the first event of the topic creates it, by the schema that it carries or else by what the source''s schema_topic says of the table, with the primary key of the event''s key and owned by the role, in the transaction that stores its row. standin.cdc_tables_planned lists what waits for an event. Errors: 42704 unknown source or role, 42710 topic taken, 42P07 the table exists, 3F000 no such schema, 42501 rights missing, 22023 an option out of range';
CREATE FUNCTION standin_private.cdc_table_made(source text, topic text, target regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p standin_private.cdc_table_planned;
BEGIN
    DELETE FROM standin_private.cdc_table_planned d
    WHERE d.source = cdc_table_made.source AND d.topic = cdc_table_made.topic RETURNING d.* INTO p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the table of topic "%" is not planned any more', topic USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO standin_private.cdc_table (source, topic, target, kind, on_truncate, schema_evolution, foreign_keys, data_collection, created_at, created_by)
    VALUES (p.source, p.topic, cdc_table_made.target, 'current', p.on_truncate, p.schema_evolution, 'enforce', p.data_collection, p.created_at, p.created_by);
END $$;
COMMENT ON FUNCTION standin_private.cdc_table_made(text, text, regclass) IS 'a planned table exists now; in the transaction that creates it. Errors: 40001 it was removed meanwhile';
CREATE VIEW standin.cdc_tables_planned AS
SELECT p.source, p.topic, format('%I.%I', p.schema_name, p.table_name) AS target, p.owner, p.on_truncate, p.schema_evolution, p.data_collection,
       p.created_at, p.created_by
FROM standin_private.cdc_table_planned p;
COMMENT ON VIEW standin.cdc_tables_planned IS 'tables of cdc_table_create that wait for the first event of their topic';
CREATE FUNCTION standin_private.cdc_mapping_check(target regclass, role name, "column" text, kind text, argument text, computed text[], is_key boolean)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'standin_cdc_mapping_check';
COMMENT ON FUNCTION standin_private.cdc_mapping_check(regclass, name, text, text, text, text[], boolean) IS 'raises what is wrong with the mapping of a column, or with a row filter (no column); what users bring is parsed as the role given';
CREATE FUNCTION standin_private.cdc_table_of(source text, topic text) RETURNS standin_private.cdc_table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_table standin_private.cdc_table;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT t.* INTO found_table FROM standin_private.cdc_table t WHERE t.source = cdc_table_of.source AND t.topic = cdc_table_of.topic;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    ELSIF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = found_table.target) THEN
        RAISE EXCEPTION 'the target table of topic "%" does not exist any more', topic USING ERRCODE = 'undefined_table',
            HINT = 'Call standin.cdc_table_remove.';
    END IF;
    RETURN found_table;
END $$;
COMMENT ON FUNCTION standin_private.cdc_table_of(text, text) IS 'the table of a topic. Errors: 42704 unknown source or topic, 42P01 its target is gone';
CREATE FUNCTION standin_private.cdc_apply_role(t standin_private.cdc_table) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN coalesce((t).apply_role, (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = (t).target));
COMMENT ON FUNCTION standin_private.cdc_apply_role(standin_private.cdc_table) IS 'as whom rows are written and expressions run';
CREATE FUNCTION standin_private.cdc_computed_columns(t standin_private.cdc_table, but text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN ARRAY(SELECT c.name::text FROM standin_private.cdc_column c
             WHERE c.source = (t).source AND c.topic = (t).topic AND c.kind = 'expression'
             UNION SELECT but WHERE but IS NOT NULL);
COMMENT ON FUNCTION standin_private.cdc_computed_columns(standin_private.cdc_table, text) IS 'columns that expressions compute, which other expressions therefore cannot use';
CREATE FUNCTION standin_private.cdc_filter_check(t standin_private.cdc_table) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (t).row_filter IS NOT NULL THEN
        PERFORM standin_private.cdc_mapping_check((t).target, standin_private.cdc_apply_role(t), NULL, 'filter', (t).row_filter,
                                                  standin_private.cdc_computed_columns(t, NULL), false);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_filter_check(standin_private.cdc_table) IS 'raises what is wrong with the row filter: syntax, names, 42804 not boolean';
CREATE FUNCTION standin_private.cdc_dead_letters_check(t standin_private.cdc_table, field text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM standin_private.kafka_dead_letter d
               WHERE d.consumer = (t).source AND NOT d.redacted
                 AND standin_private.cdc_topic_of(d.consumer, d.topic) = (t).topic) THEN
        RAISE EXCEPTION 'dead letters of topic "%" hold the field "%" in the clear', (t).topic, field
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Retry or discard them first; standin.cdc_dead_letters lists them.';
    END IF;
    -- Behind the look for open ones: whatever is discarded in between is seen here.
    UPDATE standin_private.kafka_dead_letter_discarded d SET key = NULL, value = NULL, headers = '[]', redacted = true
    WHERE d.consumer = (t).source AND NOT d.redacted
      AND standin_private.cdc_topic_of(d.consumer, d.topic) = (t).topic;
END $$;
COMMENT ON FUNCTION standin_private.cdc_dead_letters_check(standin_private.cdc_table, text) IS 'raises 55000 while the topic has dead letters in the clear; discarded ones lose their contents';
CREATE FUNCTION standin_private.cdc_confidential_fields(t standin_private.cdc_table) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT lower(CASE WHEN c.kind = 'drop' THEN c.name::text ELSE coalesce(c.field, c.name::text) END)
    FROM standin_private.cdc_column c
    WHERE c.source = (t).source AND c.topic = (t).topic AND c.kind IN ('mask', 'hash', 'drop');
END;
COMMENT ON FUNCTION standin_private.cdc_confidential_fields(standin_private.cdc_table) IS 'fields that are masked, hashed or dropped, in lower case';
CREATE FUNCTION standin_private.cdc_clear_columns_check(t standin_private.cdc_table) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    clear record;
BEGIN
    SELECT a.attname, coalesce(c.field, a.attname::text) AS field INTO clear
    FROM pg_attribute a
    LEFT JOIN standin_private.cdc_column c ON c.source = (t).source AND c.topic = (t).topic AND c.name = a.attname AND c.kind <> 'drop'
    WHERE a.attrelid = (t).target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND coalesce(c.kind, 'field') = 'field'
      AND lower(coalesce(c.field, a.attname::text)) IN (SELECT standin_private.cdc_confidential_fields(t))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table % takes the confidential field "%" in the clear', clear.attname, (t).target, clear.field
            USING ERRCODE = 'invalid_object_definition',
                  HINT = format('First mask or hash the column, map it to something else, or ALTER TABLE %s DROP COLUMN %I.', (t).target, clear.attname);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_clear_columns_check(standin_private.cdc_table) IS 'raises 42P17 if a column stores a field in the clear that is confidential';
CREATE FUNCTION standin_private.cdc_column_kind(field text, expression text, mask text, hash boolean, constant text, metadata text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kinds text[] := array_remove(ARRAY[
        CASE WHEN expression IS NOT NULL THEN 'expression' END, CASE WHEN mask IS NOT NULL THEN 'mask' END,
        CASE WHEN hash THEN 'hash' END, CASE WHEN constant IS NOT NULL THEN 'constant' END,
        CASE WHEN metadata IS NOT NULL THEN 'metadata' END], NULL);
BEGIN
    IF cardinality(kinds) > 1 THEN
        RAISE EXCEPTION 'a column is mapped in one way, not by % and %', kinds[1], kinds[2] USING ERRCODE = 'invalid_parameter_value';
    ELSIF field = '' OR (field IS NULL AND cardinality(kinds) = 0) THEN
        RAISE EXCEPTION 'nothing says what the column is to store' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give one of field, expression, mask, hash, constant and metadata; field may go with mask or hash.';
    ELSIF field IS NOT NULL AND kinds[1] NOT IN ('mask', 'hash') THEN
        RAISE EXCEPTION 'a field cannot be combined with %', kinds[1] USING ERRCODE = 'invalid_parameter_value',
            HINT = 'field goes alone, or with mask or hash.';
    END IF;
    RETURN coalesce(kinds[1], 'field');
END $$;
COMMENT ON FUNCTION standin_private.cdc_column_kind(text, text, text, boolean, text, text) IS 'which way of mapping a column the arguments ask for. Errors: 22023 none or two';
CREATE FUNCTION standin.cdc_column_map(
    source text, topic text, "column" name, field text DEFAULT NULL, expression text DEFAULT NULL, mask text DEFAULT NULL,
    hash boolean DEFAULT false, constant text DEFAULT NULL, metadata text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table := standin_private.cdc_table_of(source, topic);
    kind text := standin_private.cdc_column_kind(field, expression, mask, coalesce(hash, false), constant, metadata);
    argument text := coalesce(expression, mask, constant, metadata);
    attribute pg_attribute;
    is_key boolean;
BEGIN
    PERFORM standin_private.cdc_target_check(t.target, t.apply_role, standin_private.caller());
    SELECT a.* INTO attribute FROM pg_attribute a
    WHERE a.attrelid = t.target AND a.attname = "column" AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column "%"', t.target, "column" USING ERRCODE = 'undefined_column';
    ELSIF attribute.attgenerated <> '' THEN
        RAISE EXCEPTION 'column "%" is generated', "column" USING ERRCODE = 'generated_always',
            DETAIL = 'The table computes it by itself.';
    END IF;
    is_key := EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.target AND i.indisprimary AND attribute.attnum = ANY (i.indkey))
              AND t.kind = 'current';
    IF is_key AND kind = 'mask' THEN
        RAISE EXCEPTION 'column "%" is part of the primary key and cannot be masked', "column" USING ERRCODE = 'invalid_object_definition',
            DETAIL = 'Rows are found again by their key, and masked values are alike.', HINT = 'Hash it: equal values have equal hashes.';
    END IF;
    PERFORM standin_private.cdc_mapping_check(t.target, standin_private.cdc_apply_role(t), "column", kind, argument,
                                              standin_private.cdc_computed_columns(t, "column"), is_key);
    IF kind IN ('mask', 'hash') THEN
        PERFORM standin_private.cdc_dead_letters_check(t, coalesce(field, "column"));
    END IF;
    DELETE FROM standin_private.cdc_column c
    WHERE c.source = t.source AND c.topic = t.topic AND c.name = "column" AND c.kind <> 'drop';
    INSERT INTO standin_private.cdc_column (source, topic, name, kind, field, argument)
    VALUES (t.source, t.topic, "column", kind, cdc_column_map.field, argument);
    PERFORM standin_private.cdc_clear_columns_check(t);
    PERFORM standin_private.cdc_expressions_check(t);
END $$;
COMMENT ON FUNCTION standin.cdc_column_map IS 'says what a column of the target stores instead of the event''s field of its name, in exactly one way; replaces what was said before, and holds for all that is applied from the commit of this on. field: another field. expression: SQL over the target''s columns by their names and event (jsonb, the row as it came, confidential fields hidden), evaluated as the role that applies; it sees masked and hashed columns as they are stored. mask: all, null, text:..., or the characters to keep at both ends (last4, first6last4). hash: HMAC-SHA-256 with the secret "cdc.hash.key" of the server''s user mapping, as hexadecimal text or bytea. constant: a literal of the column''s type. metadata: topic, partition, offset, timestamp (Kafka''s), op (r, c, u, d), source_ts, debezium_ts, origin, position (in the source''s log, hexadecimal). A key column cannot be masked; its expression must be immutable and use fields of the source''s key only. Errors: 42704 unknown source or topic, 42703 unknown column or name in the expression, 428C9 generated column, 22023 none or two ways, unknown mask or metadata, 42804 wrong type, 42P17 not deterministic, or a confidential field in the clear elsewhere, 42501 not the owner, 55000 dead letters hold the field in the clear, 0A000 the transaction does not see them (at the commit)';
CREATE FUNCTION standin_private.cdc_expressions_check(t standin_private.cdc_table) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    computed text[] := standin_private.cdc_computed_columns(t, NULL);
BEGIN
    PERFORM standin_private.cdc_filter_check(t);
    PERFORM standin_private.cdc_mapping_check((t).target, standin_private.cdc_apply_role(t), c.name, c.kind, c.argument, computed, false)
    FROM standin_private.cdc_column c
    WHERE c.source = (t).source AND c.topic = (t).topic AND c.kind = 'expression';
END $$;
COMMENT ON FUNCTION standin_private.cdc_expressions_check(standin_private.cdc_table) IS 'raises what is wrong with the expressions of a table: one may use a column that another now computes';
CREATE FUNCTION standin.cdc_field_drop(source text, topic text, field text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table := standin_private.cdc_table_of(source, topic);
BEGIN
    PERFORM standin_private.cdc_target_check(t.target, t.apply_role, standin_private.caller());
    IF coalesce(field, '') = '' OR octet_length(field) > 63 THEN
        RAISE EXCEPTION 'invalid name of a field: "%"', field USING ERRCODE = 'invalid_name';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_column c WHERE c.source = t.source AND c.topic = t.topic AND c.kind IN ('mask', 'hash')
                  AND coalesce(c.field, c.name::text) = cdc_field_drop.field) THEN
        RAISE EXCEPTION 'the field "%" is masked or hashed into a column', field USING ERRCODE = 'object_in_use',
            HINT = 'Call standin.cdc_column_unmap for that column first.';
    END IF;
    PERFORM standin_private.cdc_dead_letters_check(t, field);
    INSERT INTO standin_private.cdc_column (source, topic, name, kind) VALUES (t.source, t.topic, cdc_field_drop.field, 'drop')
    ON CONFLICT DO NOTHING;
    PERFORM standin_private.cdc_clear_columns_check(t);
END $$;
COMMENT ON FUNCTION standin.cdc_field_drop(text, text, text) IS 'the event''s field is stored nowhere: in no column, no dead letter, and no expression sees it. Errors: 42704 unknown source or topic, 42602 no name, 42P17 a column takes it, 55006 a column masks or hashes it, 42501 not the owner, 55000 dead letters hold it in the clear, 0A000 the transaction does not see them (at the commit)';
CREATE FUNCTION standin.cdc_column_unmap(source text, topic text, "column" name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table := standin_private.cdc_table_of(source, topic);
BEGIN
    PERFORM standin_private.cdc_target_check(t.target, t.apply_role, standin_private.caller());
    DELETE FROM standin_private.cdc_column c WHERE c.source = t.source AND c.topic = t.topic AND c.name = "column";
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" of source "%" maps no column and drops no field "%"', topic, source, "column"
            USING ERRCODE = 'undefined_object', HINT = 'standin.cdc_columns lists what is mapped.';
    END IF;
    PERFORM standin_private.cdc_clear_columns_check(t);
END $$;
COMMENT ON FUNCTION standin.cdc_column_unmap(text, text, name) IS 'takes back cdc_column_map or cdc_field_drop: from the commit on the column takes the field of its name, and the field is no longer confidential. Errors: 42704 unknown source, topic or nothing mapped, 42P17 the column would take a confidential field in the clear, 42501 not the owner';
CREATE FUNCTION standin.cdc_table_alter(
    source text, topic text, apply_role name DEFAULT NULL, on_truncate text DEFAULT NULL, schema_evolution text DEFAULT NULL,
    foreign_keys text DEFAULT NULL, row_filter text DEFAULT NULL, data_collection text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table := standin_private.cdc_table_of(source, topic);
BEGIN
    t.apply_role := nullif(coalesce(apply_role, t.apply_role), '');
    t.on_truncate := coalesce(on_truncate, t.on_truncate);
    t.schema_evolution := coalesce(schema_evolution, t.schema_evolution);
    t.foreign_keys := coalesce(foreign_keys, t.foreign_keys);
    t.row_filter := nullif(coalesce(row_filter, t.row_filter), '');
    t.data_collection := nullif(coalesce(data_collection, t.data_collection), '');
    PERFORM standin_private.cdc_table_validate(t);
    UPDATE standin_private.cdc_table c
    SET apply_role = t.apply_role, on_truncate = t.on_truncate, schema_evolution = t.schema_evolution,
        foreign_keys = t.foreign_keys, row_filter = t.row_filter, data_collection = t.data_collection
    WHERE c.source = t.source AND c.topic = t.topic;
    PERFORM standin_private.cdc_expressions_check(t);
END $$;
COMMENT ON FUNCTION standin.cdc_table_alter IS 'changes options of cdc_table_add, for all that is applied from the commit on; null leaves one as it is, an empty text takes apply_role, row_filter or data_collection away. A row filter that is changed does not look at rows that were filtered before. Errors: as cdc_table_add, and 42704 unknown topic';
CREATE VIEW standin.cdc_columns AS
SELECT c.source, c.topic, t.target, CASE WHEN c.kind <> 'drop' THEN c.name END AS column_name, c.kind,
       CASE WHEN c.kind IN ('mask', 'hash') THEN coalesce(c.field, c.name::text) WHEN c.kind = 'drop' THEN c.name::text ELSE c.field END AS field,
       c.argument, c.kind IN ('mask', 'hash', 'drop') AS confidential
FROM standin_private.cdc_column c JOIN standin_private.cdc_table t USING (source, topic);
COMMENT ON VIEW standin.cdc_columns IS 'columns of targets that do not simply take the event''s field of their name, and fields that are stored nowhere; confidential: the field''s value appears in the clear in no table, dead letter, error, view or log';
CREATE FUNCTION standin_private.cdc_version_lock(source text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_cdc_version_lock';
COMMENT ON FUNCTION standin_private.cdc_version_lock(text) IS 'until the end of the transaction no worker of the source commits anything';
CREATE FUNCTION standin_private.cdc_is_worker() RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_cdc_is_worker';
COMMENT ON FUNCTION standin_private.cdc_is_worker() IS 'whether a worker of a source asks: what it changes of it (a planned table is made, too many dead letters pause it) invalidates nothing';
CREATE FUNCTION standin_private.cdc_version_raise() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed text;
BEGIN
    IF TG_TABLE_NAME = 'kafka_consumer' THEN
        changed := NEW.consumer;
    ELSE
        changed := coalesce(NEW.source, OLD.source);
    END IF;
    IF NOT standin_private.cdc_is_worker() THEN
        -- Another session may hold the row until its end: that is waited for before workers have to wait for this one.
        UPDATE standin_private.cdc_source s SET version = s.version + 1 WHERE s.source = changed;
        PERFORM standin_private.cdc_version_lock(changed);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.cdc_version_raise() IS 'deferred trigger: from the commit on the source is applied as it is now';
CREATE FUNCTION standin_private.cdc_confidential_check() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table;
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'cannot make a field confidential in a transaction of isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', DETAIL = 'It does not see dead letters that came since it began.',
                  HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
    END IF;
    SELECT d.* INTO t FROM standin_private.cdc_table d WHERE d.source = NEW.source AND d.topic = NEW.topic;
    IF FOUND THEN
        PERFORM FROM standin_private.cdc_source s WHERE s.source = t.source FOR NO KEY UPDATE; -- first, as in cdc_version_raise
        PERFORM standin_private.cdc_version_lock(t.source);
        PERFORM standin_private.cdc_dead_letters_check(t, coalesce(NEW.field, NEW.name));
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.cdc_confidential_check() IS 'deferred trigger: raises 55000 if the topic of a field that becomes confidential has dead letters in the clear';
CREATE CONSTRAINT TRIGGER version AFTER UPDATE OF server, paused ON standin_private.kafka_consumer DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER UPDATE ON standin_private.cdc_source DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.version = NEW.version) EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table_planned DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_column DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER confidential AFTER INSERT ON standin_private.cdc_column DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind IN ('mask', 'hash', 'drop') AND current_user = 'standin_owner') EXECUTE FUNCTION standin_private.cdc_confidential_check();
COMMENT ON FUNCTION standin.cdc_pause(text, text) IS 'stops applying, at the commit, until cdc_resume; nothing is lost while Kafka keeps the records; dead letters can be retried meanwhile. Errors: 42704 unknown source';
COMMENT ON FUNCTION standin.cdc_resume(text) IS 'goes on applying after cdc_pause, or after too many dead letters (which are counted anew from here). Errors: 42704 unknown source';
CREATE FUNCTION standin_private.cdc_topic_check(source text, topic text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF NOT EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = cdc_topic_check.source AND t.topic = cdc_topic_check.topic AND t.topic !~ '^\^')
       AND NOT EXISTS (SELECT FROM standin_private.kafka_offset o WHERE o.consumer = cdc_topic_check.source AND o.topic = cdc_topic_check.topic) THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_topic_check(text, text) IS 'raises 42704 if there is no such source or it has no such topic';
CREATE FUNCTION standin_private.cdc_position_set(source text, topic text, partition integer, next_offset bigint, seek_at timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO standin_private.kafka_offset AS o (consumer, topic, partition, next_offset, seek_at)
    VALUES (cdc_position_set.source, cdc_position_set.topic, cdc_position_set.partition, coalesce(cdc_position_set.next_offset, 0),
            cdc_position_set.seek_at)
    ON CONFLICT ON CONSTRAINT kafka_offset_pkey DO UPDATE SET next_offset = coalesce(cdc_position_set.next_offset, o.next_offset),
        seek_at = EXCLUDED.seek_at, cluster_id = '', record_offset = NULL, record_hash = NULL;
    DELETE FROM standin_private.cdc_position p
    WHERE p.source = cdc_position_set.source AND p.topic = cdc_position_set.topic AND p.partition = cdc_position_set.partition;
    PERFORM standin_private.wake('cdc');
END $$;
COMMENT ON FUNCTION standin_private.cdc_position_set(text, text, integer, bigint, timestamptz) IS 'puts one partition elsewhere, at an offset or (once Kafka was asked) at a time, and forgets what was known of its past';
CREATE OR REPLACE FUNCTION standin.cdc_seek(source text, topic text, partition integer, next_offset bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_topic_check(source, topic);
    IF next_offset IS NULL OR next_offset < 0 OR partition IS NULL OR partition < 0 THEN
        RAISE EXCEPTION 'partition and offset are numbers from 0 on' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Offset 0 means from the beginning, wherever that is.';
    END IF;
    PERFORM standin_private.cdc_position_set(source, topic, partition, next_offset, NULL);
END $$;
COMMENT ON FUNCTION standin.cdc_seek(text, text, integer, bigint) IS 'applies the partition from this offset on; earlier records again, or records in between never, so know why. Also accepts the offsets'' new cluster after a move. Errors: 42704 unknown source or topic, 22023 negative';
CREATE FUNCTION standin_private.cdc_seek_all(source text, topic text, partition integer, next_offset bigint, seek_at timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known integer;
    found_any boolean := false;
BEGIN
    PERFORM standin_private.cdc_topic_check(source, topic);
    IF partition < 0 THEN
        RAISE EXCEPTION 'partitions are numbers from 0 on' USING ERRCODE = 'invalid_parameter_value';
    ELSIF partition IS NOT NULL THEN
        PERFORM standin_private.cdc_position_set(source, topic, partition, next_offset, seek_at);
        RETURN;
    END IF;
    FOR known IN SELECT o.partition FROM standin_private.kafka_offset o
                 WHERE o.consumer = cdc_seek_all.source AND o.topic = cdc_seek_all.topic ORDER BY 1 LOOP
        PERFORM standin_private.cdc_position_set(source, topic, known, next_offset, seek_at);
        found_any := true;
    END LOOP;
    IF NOT found_any THEN
        RAISE EXCEPTION 'partitions of topic "%" are not known yet', topic USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Name the partition, or let the worker find the topic first (standin.stat_cdc lists its partitions).';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_seek_all(text, text, integer, bigint, timestamptz) IS 'puts one partition of a topic, or all that are known, elsewhere';
CREATE FUNCTION standin.cdc_seek(source text, topic text, "to" text, partition integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF "to" = 'beginning' THEN
        PERFORM standin_private.cdc_seek_all(source, topic, partition, 0, NULL);
    ELSIF "to" = 'end' THEN
        PERFORM standin_private.cdc_seek_all(source, topic, partition, NULL, 'infinity');
    ELSE
        RAISE EXCEPTION 'cannot seek to "%"', "to" USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is ''beginning'', ''end'', a partition and an offset, or a time: "at" => timestamptz ''2026-01-31 12:00+00''.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_seek(text, text, text, integer) IS 'applies the topic (or one partition) from its beginning or its end on; the end is asked of Kafka by the worker: until then stat_cdc shows seek_at. Errors: 42704 unknown source or topic, 22023 another word, 55000 partitions not known yet';
CREATE FUNCTION standin.cdc_seek(source text, topic text, "at" timestamptz, partition integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF "at" IS NULL OR NOT isfinite("at") THEN
        RAISE EXCEPTION 'cannot seek to time %', coalesce("at"::text, 'null') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'For the ends there are ''beginning'' and ''end''.';
    END IF;
    PERFORM standin_private.cdc_seek_all(source, topic, partition, NULL, "at");
END $$;
COMMENT ON FUNCTION standin.cdc_seek(text, text, timestamptz, integer) IS 'applies the topic (or one partition) from the first record on that has this time in Kafka or a later one; the worker asks Kafka for it: until then stat_cdc shows seek_at. Errors: 42704 unknown source or topic, 22023 no finite time, 55000 partitions not known yet';
CREATE FUNCTION standin.cdc_replay(source text, topic text, partition integer, from_offset bigint, to_offset bigint, target regclass,
    apply_role name DEFAULT NULL, kind text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    origin standin_private.cdc_table;
    s standin_private.cdc_source;
    replay text;
    server_name name;
BEGIN
    PERFORM standin_private.cdc_topic_check(source, topic);
    IF coalesce(partition < 0 OR from_offset < 0 OR to_offset < from_offset, true) THEN
        RAISE EXCEPTION 'no range of a partition: % from % to %', partition, from_offset, to_offset USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Partition and offsets are numbers from 0 on; the records from_offset and to_offset are part of the range.';
    ELSIF target IS NULL THEN
        RAISE EXCEPTION 'a target table must be given' USING ERRCODE = 'null_value_not_allowed';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.target = cdc_replay.target) THEN
        RAISE EXCEPTION 'change events are being applied to table %', target USING ERRCODE = 'object_in_use',
            DETAIL = 'A replay would bring old values back.', HINT = 'Replay into a table of its own, and take over from there what is missing.';
    END IF;
    SELECT * INTO origin FROM standin_private.cdc_table t
    WHERE t.source = cdc_replay.source AND t.topic = standin_private.cdc_topic_of(cdc_replay.source, cdc_replay.topic);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" of source "%" has no table', topic, source USING ERRCODE = 'undefined_object';
    END IF;
    PERFORM standin_private.cdc_one_of('kind', coalesce(kind, origin.kind), 'current', 'history'),
            standin_private.cdc_target_check(target, apply_role, standin_private.caller());
    SELECT * INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_replay.source;
    SELECT c.server INTO server_name FROM standin_private.kafka_consumer c WHERE c.consumer = cdc_replay.source;
    replay := left(source, 80) || '.replay' || nextval('standin_private.cdc_replay_number');
    s.source := replay;
    s.consistency := 'eventual';
    s.workers := 1;
    s.transaction_topic := NULL;
    s.signal_topic := NULL;
    s.signal_table := NULL;
    s.on_message := 'ignore';
    s.message_function := NULL;
    s.message_topic := NULL;
    s.schema_topic := NULL;
    s.created_at := standin_private.clock_now();
    s.created_by := standin_private.caller();
    INSERT INTO standin_private.kafka_consumer (consumer, server, changed_by) VALUES (replay, server_name, standin_private.caller());
    INSERT INTO standin_private.cdc_source VALUES (s.*);
    INSERT INTO standin_private.cdc_table (source, topic, target, kind, apply_role, on_truncate, schema_evolution, foreign_keys,
        row_filter, data_collection, created_by)
    VALUES (replay, cdc_replay.topic, cdc_replay.target, coalesce(cdc_replay.kind, origin.kind), cdc_replay.apply_role, 'ignore', 'ignore',
        origin.foreign_keys, origin.row_filter, origin.data_collection, standin_private.caller());
    INSERT INTO standin_private.cdc_column (source, topic, name, kind, field, argument)
    SELECT replay, cdc_replay.topic, c.name, c.kind, c.field, c.argument
    FROM standin_private.cdc_column c WHERE c.source = origin.source AND c.topic = origin.topic;
    INSERT INTO standin_private.kafka_offset (consumer, topic, partition, next_offset, stop_offset)
    VALUES (replay, cdc_replay.topic, cdc_replay.partition, cdc_replay.from_offset, cdc_replay.to_offset + 1);
    RETURN replay;
END $$;
COMMENT ON FUNCTION standin.cdc_replay(text, text, integer, bigint, bigint, regclass, name, text) IS 'applies the records from_offset to to_offset of a partition, both included, to another table, with the topic''s mapping as it is now: a later mask does not reach it (truncates ignored); the source goes on undisturbed. Returns the name of the source that does it: its state is done once all is applied, standin.cdc_source_drop takes it away. Errors: 42704 unknown source or topic, 22023 no range or kind, 55006 the target is replicated to, and those of cdc_table_add; a range that Kafka does not have is an error of the replay''s worker, with what Kafka has';
CREATE FUNCTION standin_private.cdc_signal_check(source text, signal_table regclass, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_name name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = signal_table);
BEGIN
    IF owner_name IS NULL THEN
        RAISE EXCEPTION 'signal_table of source "%" does not exist any more', source USING ERRCODE = 'undefined_table';
    ELSIF EXISTS (SELECT FROM pg_roles r WHERE r.rolname = owner_name AND r.rolsuper) THEN
        RAISE EXCEPTION 'signals are never written as a superuser, and "%" is one', owner_name USING ERRCODE = 'insufficient_privilege',
            HINT = format('ALTER TABLE %s OWNER TO ...;', signal_table);
    ELSIF NOT pg_has_role(caller, owner_name, 'USAGE') AND NOT has_table_privilege(caller, signal_table, 'INSERT') THEN
        RAISE EXCEPTION 'permission denied for table %', signal_table USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT INSERT ON %s TO %I;', signal_table, caller);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_signal_check(text, regclass, name) IS 'raises 42501 unless the caller may insert into the table, as whose owner the worker will';
CREATE FUNCTION standin.cdc_snapshot(source text, topic text, additional_condition text DEFAULT NULL,
    snapshot_type text DEFAULT 'incremental', topic_prefix text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
    found_topic text;
    collection text;
    refusal text := standin_private.instance_refusal();
    made standin_private.cdc_signal;
BEGIN
    PERFORM standin_private.cdc_source_check(source),
            standin_private.cdc_one_of('snapshot_type', snapshot_type, 'incremental', 'blocking');
    SELECT * INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_snapshot.source;
    IF s.signal_topic IS NULL AND s.signal_table IS NULL THEN
        RAISE EXCEPTION 'source "%" has no way to signal its connector', source USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Give it the connector''s signal table or signal topic: standin.cdc_source_alter(..., signal_table => ...) or (..., signal_topic => ...).';
    ELSIF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'this server is not the instance that may speak to the outside' USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = refusal, HINT = 'If the original is gone for good, call standin.instance_adopt(reason).';
    END IF;
    -- A topic is <topic.prefix>.<data collection>; either names the table.
    SELECT t.topic, t.data_collection INTO found_topic, collection FROM (
        SELECT c.topic, coalesce(c.data_collection, substr(c.topic, strpos(c.topic, '.') + 1)) AS data_collection, 1 AS rank
        FROM standin_private.cdc_table c WHERE c.source = cdc_snapshot.source AND c.topic NOT LIKE '^%'
        UNION ALL
        SELECT o.topic, substr(o.topic, strpos(o.topic, '.') + 1), 2
        FROM standin_private.kafka_offset o WHERE o.consumer = cdc_snapshot.source AND o.topic IS DISTINCT FROM s.transaction_topic) t
    WHERE cdc_snapshot.topic IN (t.topic, t.data_collection) ORDER BY t.topic <> cdc_snapshot.topic, t.rank LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic or data collection "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    END IF;
    IF s.signal_table IS NOT NULL THEN
        PERFORM standin_private.cdc_signal_check(source, s.signal_table, standin_private.caller());
    END IF;
    made.key := coalesce(topic_prefix, CASE WHEN right(found_topic, length(collection) + 1) = '.' || collection
        THEN left(found_topic, -length(collection) - 1) ELSE split_part(found_topic, '.', 1) END);
    made.signal_id := gen_random_uuid()::text;
    made.data := jsonb_build_object('data-collections', jsonb_build_array(collection), 'type', snapshot_type);
    IF additional_condition IS NOT NULL THEN
        made.data := made.data || jsonb_build_object('additional-conditions', jsonb_build_array(
            jsonb_build_object('data-collection', collection, 'filter', additional_condition)));
    END IF;
    INSERT INTO standin_private.cdc_signal (signal_id, source, type, data, signal_table, signal_topic, key, created_by)
    VALUES (made.signal_id, cdc_snapshot.source, 'execute-snapshot', made.data, s.signal_table,
            CASE WHEN s.signal_table IS NULL THEN s.signal_topic END, made.key, standin_private.caller());
    RETURN made.signal_id;
END $$;
COMMENT ON FUNCTION standin.cdc_snapshot(text, text, text, text, text) IS 'asks the connector to read one table again (Debezium''s signal execute-snapshot), named by its topic or data collection, all of it or the rows that match the condition, which is SQL of the source. Sent after commit by the source''s worker, into the source''s signal_table as that table''s owner, else to its signal_topic; standin.cdc_signals shows when. topic_prefix is the connector''s topic.prefix, where that is not what precedes the data collection in the topic. Returns the signal''s id. Errors: 42704 unknown source or table, 55000 no way to signal or not the instance that may, 42501 no INSERT on the signal table, 22023 unknown type';
CREATE VIEW standin.cdc_signals AS
SELECT s.signal_id, s.source, s.type, s.data, s.signal_table, s.signal_topic, s.key,
       CASE WHEN s.sent_at IS NOT NULL THEN 'sent' WHEN s.error IS NOT NULL THEN 'failing' ELSE 'pending' END AS state,
       s.attempts, s.error, s.created_at, s.created_by, s.sent_at
FROM standin_private.cdc_signal s;
COMMENT ON VIEW standin.cdc_signals IS 'signals to connectors, and whether they were sent; what a connector made of one, only its own log and notifications say';
COMMENT ON COLUMN standin.cdc_signals.state IS 'pending, failing (tried again, error says why) or sent';
COMMENT ON COLUMN standin.cdc_signals.key IS 'topic.prefix of the connector';
CREATE FUNCTION standin_private.cdc_dead_letter_stale(letter standin_private.kafka_dead_letter) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = letter.consumer AND t.kind = 'history'
                     AND t.topic = standin_private.cdc_topic_of(letter.consumer, letter.topic)) THEN NULL
        WHEN letter.superseded_by IS NOT NULL THEN format('a later change of the same row was applied (offset %s)', letter.superseded_by)
        WHEN letter.key IS NULL THEN 'it has no key, so whether its row was changed later is not known'
    END
$$;
COMMENT ON FUNCTION standin_private.cdc_dead_letter_stale(standin_private.kafka_dead_letter) IS 'why a retry might bring old values back, or null; rows of a history target are only ever added';
CREATE FUNCTION standin.cdc_dead_letter_retry(source text, topic text, partition integer, record_offset bigint, force boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    letter standin_private.kafka_dead_letter;
    stale text;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT * INTO letter FROM standin_private.kafka_dead_letter d
    WHERE d.consumer = cdc_dead_letter_retry.source AND d.topic = cdc_dead_letter_retry.topic
      AND d.partition = cdc_dead_letter_retry.partition AND d.record_offset = cdc_dead_letter_retry.record_offset FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no dead letter at offset % of partition % of topic "%"', source, record_offset, partition, topic
            USING ERRCODE = 'undefined_object', HINT = 'standin.cdc_dead_letters lists them.';
    END IF;
    stale := standin_private.cdc_dead_letter_stale(letter);
    IF stale IS NOT NULL AND force IS NOT TRUE THEN
        RAISE EXCEPTION 'a retry may bring old values back' USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = stale, HINT = 'Discard it, or apply it all the same with force => true.';
    END IF;
    UPDATE standin_private.kafka_dead_letter d
    SET retry_at = standin_private.clock_now(), retry_by = standin_private.caller(), retry_force = coalesce(force, false)
    WHERE d.consumer = letter.consumer AND d.topic = letter.topic AND d.partition = letter.partition AND d.record_offset = letter.record_offset;
    PERFORM standin_private.wake('cdc');
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_retry(text, text, integer, bigint, boolean) IS 'lets the worker apply a dead letter as it is, also while the source is paused: then it is gone from cdc_dead_letters, or is there with one attempt more and the new error. Refused (unless forced) if a later change of the row was applied, or if that cannot be known because the record has no key. Errors: 42704 unknown source or dead letter, 55000 refused';
CREATE FUNCTION standin.cdc_dead_letter_retry(source text, topic text DEFAULT NULL, sqlstate text DEFAULT NULL, force boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked bigint;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_dead_letter d
    SET retry_at = standin_private.clock_now(), retry_by = standin_private.caller(), retry_force = coalesce(force, false)
    WHERE d.consumer = cdc_dead_letter_retry.source
      AND (cdc_dead_letter_retry.topic IS NULL OR d.topic = cdc_dead_letter_retry.topic)
      AND (cdc_dead_letter_retry.sqlstate IS NULL OR d.sqlstate = cdc_dead_letter_retry.sqlstate)
      AND (force IS TRUE OR standin_private.cdc_dead_letter_stale(d) IS NULL);
    GET DIAGNOSTICS asked = ROW_COUNT;
    PERFORM standin_private.wake('cdc');
    RETURN asked;
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_retry(text, text, text, boolean) IS 'the same for all dead letters of a source, or those of a topic or with an SQLSTATE, in the order of topic, partition and offset; leaves out those that would be refused, and returns how many are being retried. Errors: 42704 unknown source';
CREATE FUNCTION standin_private.cdc_dead_letter_bury(source text, topic text, partition integer, record_offset bigint, sqlstate text, reason text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    discarded bigint;
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a reason must be given' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'It is kept with the record, with who discarded it and when.';
    END IF;
    WITH gone AS (
        DELETE FROM standin_private.kafka_dead_letter d
        WHERE d.consumer = cdc_dead_letter_bury.source
          AND (cdc_dead_letter_bury.topic IS NULL OR d.topic = cdc_dead_letter_bury.topic)
          AND (cdc_dead_letter_bury.partition IS NULL OR d.partition = cdc_dead_letter_bury.partition)
          AND (cdc_dead_letter_bury.record_offset IS NULL OR d.record_offset = cdc_dead_letter_bury.record_offset)
          AND (cdc_dead_letter_bury.sqlstate IS NULL OR d.sqlstate = cdc_dead_letter_bury.sqlstate)
        RETURNING d.*)
    INSERT INTO standin_private.kafka_dead_letter_discarded
        (consumer, topic, partition, record_offset, key, value, headers, record_at, sqlstate, error, column_name, attempts, created_at,
         last_attempt_at, superseded_by, redacted, retry_force, discarded_by, reason)
    SELECT g.consumer, g.topic, g.partition, g.record_offset, g.key, g.value, g.headers, g.record_at, g.sqlstate, g.error, g.column_name,
           g.attempts, g.created_at, g.last_attempt_at, g.superseded_by, g.redacted, false, standin_private.caller(), cdc_dead_letter_bury.reason
    FROM gone g;
    GET DIAGNOSTICS discarded = ROW_COUNT;
    RETURN discarded;
END $$;
COMMENT ON FUNCTION standin_private.cdc_dead_letter_bury(text, text, integer, bigint, text, text) IS 'moves dead letters to the discarded ones';
CREATE FUNCTION standin.cdc_dead_letter_discard(source text, topic text, partition integer, record_offset bigint, reason text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF source IS NULL OR topic IS NULL OR partition IS NULL OR record_offset IS NULL
       OR standin_private.cdc_dead_letter_bury(source, topic, partition, record_offset, NULL, reason) = 0 THEN
        RAISE EXCEPTION 'source "%" has no dead letter at offset % of partition % of topic "%"', source, record_offset, partition, topic
            USING ERRCODE = 'undefined_object', HINT = 'standin.cdc_dead_letters lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_discard(text, text, integer, bigint, text) IS 'gives a dead letter up: it goes to cdc_dead_letters_discarded, with who, when and why. Errors: 42704 unknown dead letter, 22004 no reason';
CREATE FUNCTION standin.cdc_dead_letter_discard(source text, reason text, topic text DEFAULT NULL, sqlstate text DEFAULT NULL)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT standin_private.cdc_dead_letter_bury(source, topic, NULL, NULL, sqlstate, reason)
$$;
COMMENT ON FUNCTION standin.cdc_dead_letter_discard(text, text, text, text) IS 'the same for all dead letters of a source, or those of a topic or with an SQLSTATE; returns how many. Also for a source that was dropped. Errors: 22004 no reason';
CREATE VIEW standin_private.cdc_workers AS
SELECT 'cdc'::text AS kind, standin_private.cdc_worker_key(s.source, n) AS key, NULL::oid AS role, false AS outward
FROM standin_private.cdc_source s, generate_series(0, s.workers - 1) n;
COMMENT ON VIEW standin_private.cdc_workers IS 'the workers of each source, at least one; they only read from Kafka, so a copy of the database may run them';
CREATE VIEW standin.cdc_sources AS
SELECT s.source, c.server, c.paused, c.pause_reason, w.state, w.detail, w.pid, w.error_sqlstate, w.last_error, w.error_at,
       (SELECT sum(standin_private.process_memory(m.pid))::bigint FROM standin_private.stat_worker() m
        WHERE m.kind = 'cdc' AND split_part(m.key, '/', 1) = s.source) AS memory_bytes,
       s.consistency, s.workers, s.transaction_topic, s.on_stall, s.stall_timeout, s.message_format, s.time_precision_mode,
       s.decimal_handling_mode, s.binary_handling_mode, s.interval_handling_mode, s.unavailable_value_placeholder, s.rounding,
       s.on_message, s.message_function, s.dead_letter_limit, s.dead_letter_window, s.conflict_timeout, s.signal_topic,
       s.signal_table, s.message_topic, s.schema_topic, s.batch_records, s.batch_kilobytes, s.queue_kilobytes, s.created_at, s.created_by,
       (SELECT coalesce(sum(p.incomplete), 0)::bigint FROM standin_private.cdc_progress p WHERE p.source = s.source) AS incomplete
FROM standin_private.cdc_source s
JOIN standin_private.kafka_consumer c ON c.consumer = s.source
LEFT JOIN LATERAL (SELECT * FROM standin_private.stat_worker() w WHERE w.kind = 'cdc' AND split_part(w.key, '/', 1) = s.source
                   ORDER BY w.state = 'running', w.key LIMIT 1) w ON true;
COMMENT ON VIEW standin.cdc_sources IS 'sources of change events and what their workers are doing: of several, one that is not running';
COMMENT ON COLUMN standin.cdc_sources.incomplete IS 'records let through after stall_timeout though their transaction was not whole (on_stall apply)';
COMMENT ON COLUMN standin.cdc_sources.pause_reason IS 'an operator''s, or that there were too many dead letters';
COMMENT ON COLUMN standin.cdc_sources.state IS 'idle (no tables), paused, connecting, running, troubled (a topic or partition cannot go on, the others do), disconnected, waiting and stalled (for what a transaction or a foreign key lacks), retrying (the world''s fault, the batch is tried again), done (a replay), or a word of stat_worker';
COMMENT ON COLUMN standin.cdc_sources.memory_bytes IS 'resident memory of its workers together, now: records fetched and being applied, caches; shared memory is not counted';
CREATE VIEW standin.cdc_tables AS
SELECT t.source, t.topic, t.target, t.kind, coalesce(t.apply_role, pg_get_userbyid(c.relowner)) AS apply_role, t.on_truncate,
       t.schema_evolution, t.foreign_keys, t.row_filter, t.data_collection, t.created_at, t.created_by
FROM standin_private.cdc_table t LEFT JOIN pg_class c ON c.oid = t.target;
COMMENT ON VIEW standin.cdc_tables IS 'which topic is applied to which table, as whom';
CREATE VIEW standin.cdc_dead_letters AS
SELECT d.consumer AS source, d.topic, d.partition, d.record_offset, d.sqlstate, d.error, d.column_name,
       t.target, d.key, d.value, d.headers, d.redacted, d.record_at, d.attempts, d.created_at, d.last_attempt_at, d.superseded_by,
       standin_private.cdc_dead_letter_stale(d) AS stale, d.retry_at, d.retry_by, d.retry_force
FROM standin_private.kafka_dead_letter d
LEFT JOIN standin_private.cdc_table t ON t.source = d.consumer AND t.topic = standin_private.cdc_topic_of(d.consumer, d.topic);
COMMENT ON VIEW standin.cdc_dead_letters IS 'records that could not be applied, and why; the stream went on past them';
COMMENT ON COLUMN standin.cdc_dead_letters.redacted IS 'confidential fields are hidden; a retry reads the record from Kafka again';
COMMENT ON COLUMN standin.cdc_dead_letters.headers IS 'array of {"key", "value"}, the value in base64';
COMMENT ON COLUMN standin.cdc_dead_letters.record_at IS 'the record''s time in Kafka';
COMMENT ON COLUMN standin.cdc_dead_letters.attempts IS 'how often it was tried; 1: never retried';
COMMENT ON COLUMN standin.cdc_dead_letters.superseded_by IS 'offset of a later record of the same key that was applied; null: none so far';
COMMENT ON COLUMN standin.cdc_dead_letters.stale IS 'why a retry must be forced: it might bring old values back; null: it need not';
COMMENT ON COLUMN standin.cdc_dead_letters.retry_at IS 'when a retry was asked for that the worker has not made yet';
CREATE VIEW standin.cdc_messages AS
SELECT m.source, m.topic, m.partition, m.record_offset, m.prefix, m.content, m.lsn, m.source_at, m.at
FROM standin_private.cdc_message m;
COMMENT ON VIEW standin.cdc_messages IS 'logical messages (pg_logical_emit_message at the source) of sources with on_message = store';
COMMENT ON COLUMN standin.cdc_messages.lsn IS 'where in the source''s log the message is, as pg_lsn is written; null if the source does not say';
COMMENT ON COLUMN standin.cdc_messages.source_at IS 'when the source committed it';
COMMENT ON COLUMN standin.cdc_messages.at IS 'when it was stored here';
CREATE VIEW standin.cdc_dead_letters_discarded AS
SELECT d.consumer AS source, d.topic, d.partition, d.record_offset, d.sqlstate, d.error, d.column_name, d.key, d.value, d.headers,
       d.redacted, d.record_at, d.attempts, d.created_at, d.last_attempt_at, d.superseded_by, d.discarded_at, d.discarded_by, d.reason
FROM standin_private.kafka_dead_letter_discarded d;
COMMENT ON VIEW standin.cdc_dead_letters_discarded IS 'dead letters that were given up: by whom, when, why';
CREATE VIEW standin.stat_cdc AS
SELECT t.source, coalesce(o.topic, t.topic) AS topic, o.partition, t.target, o.next_offset, o.end_offset,
       CASE WHEN seen.now THEN greatest(least(o.end_offset, o.stop_offset) - o.next_offset, 0) END AS lag_messages,
       CASE WHEN NOT seen.now THEN NULL
            WHEN o.next_offset >= least(o.end_offset, o.stop_offset) THEN 0
            WHEN p.source_at IS NOT NULL THEN greatest(extract(epoch FROM standin_private.clock_now() - p.source_at), 0)
       END AS lag_seconds,
       greatest(extract(epoch FROM p.debezium_at - p.source_at), 0) AS debezium_seconds,
       p.source_at, p.debezium_at, p.applied_at, o.seek_at, o.stop_offset, p.reads, p.inserts, p.updates, p.deletes, p.truncates,
       p.messages, p.ignored, p.filtered, p.duplicates, p.unknown_fields, p.dead_letters,
       (SELECT count(*) FROM standin_private.kafka_dead_letter d
        WHERE d.consumer = o.consumer AND d.topic = o.topic AND d.partition = o.partition) AS dead_letters_open,
       p.batches, p.bytes, w.state, w.detail, w.error_sqlstate, w.last_error, w.error_at,
       standin_private.process_memory(w.pid) AS memory_bytes
FROM standin_private.cdc_table t
LEFT JOIN standin_private.kafka_offset o ON o.consumer = t.source AND standin_private.cdc_topic_of(t.source, o.topic) = t.topic
LEFT JOIN standin_private.cdc_progress p ON p.source = o.consumer AND p.topic = o.topic AND p.partition = o.partition
JOIN standin_private.cdc_source s ON s.source = t.source
LEFT JOIN standin_private.stat_worker() w ON w.kind = 'cdc'
    AND w.key = standin_private.cdc_worker_key(s.source, standin_private.cdc_worker_of(coalesce(o.topic, t.topic), coalesce(o.partition, 0), s.workers))
CROSS JOIN LATERAL (SELECT o.end_offset IS NOT NULL AND o.seek_at IS NULL AND w.state IN ('running', 'troubled', 'waiting', 'stalled') AS now) seen;
COMMENT ON VIEW standin.stat_cdc IS 'progress of each partition; no partition yet while the topic was never reached';
COMMENT ON COLUMN standin.stat_cdc.next_offset IS 'the next record to apply; all before it are in the table or in cdc_dead_letters';
COMMENT ON COLUMN standin.stat_cdc.end_offset IS 'the end of the partition when last seen';
COMMENT ON COLUMN standin.stat_cdc.lag_messages IS 'offsets between them (transaction markers of Kafka included); null while the end is not known: before the first fetch, and while the worker does not read';
COMMENT ON COLUMN standin.stat_cdc.lag_seconds IS 'age of the last applied event at its source, Debezium''s share included; 0 when everything seen is applied, null while that is not known';
COMMENT ON COLUMN standin.stat_cdc.debezium_seconds IS 'how long after the source Debezium made the last applied event: its share of the lag; null if events do not say';
COMMENT ON COLUMN standin.stat_cdc.seek_at IS 'a seek that Kafka has still to be asked for: the first record of that time, infinity: the end';
COMMENT ON COLUMN standin.stat_cdc.stop_offset IS 'of a replay: the first record that is not applied any more';
COMMENT ON COLUMN standin.stat_cdc.messages IS 'logical messages of the source''s log (op m)';
COMMENT ON COLUMN standin.stat_cdc.ignored IS 'tombstones, heartbeats and other records that change no row, and rows from before a truncate that another partition brought first';
COMMENT ON COLUMN standin.stat_cdc.filtered IS 'rows that the table''s row_filter kept out';
COMMENT ON COLUMN standin.stat_cdc.duplicates IS 'events sent again by a restarted connector, known by their position at the source and not applied again';
COMMENT ON COLUMN standin.stat_cdc.unknown_fields IS 'fields of events for which the target has no column';
COMMENT ON COLUMN standin.stat_cdc.dead_letters IS 'records of the stream that could not be applied, since the source exists';
COMMENT ON COLUMN standin.stat_cdc.dead_letters_open IS 'those in cdc_dead_letters now';
COMMENT ON COLUMN standin.stat_cdc.batches IS 'transactions that applied something of the partition';
COMMENT ON COLUMN standin.stat_cdc.bytes IS 'keys and values of the records taken';
COMMENT ON COLUMN standin.stat_cdc.memory_bytes IS 'resident memory of the worker that has the partition, now';
CREATE TABLE standin_private.cdc_verification (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL,
    target regclass NOT NULL,
    reference regclass NOT NULL,
    compared name[] NOT NULL,
    skipped name[] NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished')),
    rows_compared bigint NOT NULL DEFAULT 0,
    differences bigint NOT NULL DEFAULT 0,
    unsettled bigint NOT NULL DEFAULT 0,
    backend integer NOT NULL DEFAULT pg_backend_pid(),
    started_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    progress_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    started_by name NOT NULL
);
COMMENT ON TABLE standin_private.cdc_verification IS 'comparisons of a target with its source; kept whole';
CREATE TABLE standin_private.cdc_difference (
    run bigint NOT NULL REFERENCES standin_private.cdc_verification ON DELETE CASCADE,
    key jsonb NOT NULL,
    kind text NOT NULL CHECK (kind IN ('missing', 'extra', 'different', 'unsettled')),
    columns name[] NOT NULL,
    found_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (run, key)
);
COMMENT ON TABLE standin_private.cdc_difference IS 'rows in which a target differs from its source, up to 1000 a run; distributed by run';
CREATE FUNCTION standin_private.cdc_canonical(expression text, type regtype) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN type = 'numeric'::regtype THEN format('pg_catalog.trim_scale(%s)::text', expression)
                WHEN type = 'json'::regtype THEN format('%s::pg_catalog.jsonb::text', expression)
                ELSE format('%s::text', expression) END
$$;
COMMENT ON FUNCTION standin_private.cdc_canonical(text, regtype) IS 'an expression for a value as text that equal values share, whatever server they come from';
CREATE FUNCTION standin.cdc_verification_begin(
    source text, topic text, reference regclass, OUT run bigint, OUT keys text[], OUT types text[],
    OUT target_from text, OUT target_keys text[], OUT target_values text,
    OUT reference_from text, OUT reference_keys text[], OUT reference_values text, OUT columns name[])
RETURNS record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry standin_private.cdc_table;
    skipped name[];
    unusable text;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT * INTO entry FROM standin_private.cdc_table t
    WHERE t.source = cdc_verification_begin.source AND t.topic = cdc_verification_begin.topic;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    ELSIF reference IS NULL THEN
        RAISE EXCEPTION 'a reference must be given' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'A foreign table, view or table with the source''s rows.';
    ELSIF entry.kind = 'history' OR NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = entry.target AND i.indisprimary) THEN
        RAISE EXCEPTION 'the target of topic "%" cannot be compared with its source', topic
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Rows are compared by primary key, as they are now.';
    END IF;
    WITH taken AS (
        SELECT a.attnum, a.attname, format_type(a.atttypid, -1) AS type, a.atttypid, r.attname AS field,
               array_position(i.indkey::int2[], a.attnum) AS place
        FROM pg_attribute a
        JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
        LEFT JOIN standin_private.cdc_column m ON m.source = entry.source AND m.topic = entry.topic
                                              AND m.name = a.attname AND m.kind <> 'drop'
        LEFT JOIN pg_attribute r ON r.attrelid = reference AND r.attnum > 0 AND NOT r.attisdropped
                                AND r.attname = CASE WHEN m.kind IS NULL THEN a.attname::text WHEN m.kind = 'field' THEN m.field END
        WHERE a.attrelid = entry.target AND a.attnum > 0 AND NOT a.attisdropped
    ), formed AS ( -- without the type's modifier: a cast would cut what does not fit and hide the difference
        SELECT t.*, format('t.%I', t.attname) AS ours, CASE WHEN t.field IS NOT NULL THEN format('r.%I::%s', t.field, t.type) END AS theirs FROM taken t
    )
    SELECT array_agg(f.attname::text ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.type ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.ours ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.theirs ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           string_agg(standin_private.cdc_canonical(f.ours, f.atttypid), ', ' ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL),
           string_agg(standin_private.cdc_canonical(f.theirs, f.atttypid), ', ' ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL),
           coalesce(array_agg(f.attname ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL), '{}'),
           coalesce(array_agg(f.attname ORDER BY f.attnum) FILTER (WHERE f.field IS NULL), '{}'),
           string_agg(quote_ident(f.attname), ', ') FILTER (WHERE f.place IS NOT NULL AND f.field IS NULL)
    INTO keys, types, target_keys, reference_keys, target_values, reference_values, columns, skipped, unusable
    FROM formed f;
    IF unusable IS NOT NULL THEN
        RAISE EXCEPTION 'reference % has no column for the key of table % (%)', reference, entry.target, unusable
            USING ERRCODE = 'undefined_column', HINT = 'Make a view that has the source''s key.';
    END IF;
    target_from := entry.target || ' t';
    reference_from := reference || ' r';
    INSERT INTO standin_private.cdc_verification (source, topic, target, reference, compared, skipped, started_by)
    VALUES (entry.source, entry.topic, entry.target, cdc_verification_begin.reference, columns, skipped, standin_private.caller())
    RETURNING cdc_verification.run INTO run;
END $$;
COMMENT ON FUNCTION standin.cdc_verification_begin(text, text, regclass) IS 'a part of standin.cdc_verify: begins a run and says what to compare. Errors: 42704 unknown source or topic, 55000 no primary key or a history, 42703 the reference lacks a key column';
CREATE FUNCTION standin_private.cdc_verification_mine(run bigint) RETURNS standin_private.cdc_verification
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine standin_private.cdc_verification;
BEGIN
    SELECT * INTO mine FROM standin_private.cdc_verification v
    WHERE v.run = cdc_verification_mine.run AND v.state = 'running' AND v.backend = pg_backend_pid() AND v.started_by = standin_private.caller();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'verification % is not running in this session', run USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN mine;
END $$;
COMMENT ON FUNCTION standin_private.cdc_verification_mine(bigint) IS 'the run, if this session is its own; else 55000';
CREATE FUNCTION standin.cdc_verification_note(run bigint, compared bigint, key jsonb, kind text, columns name[], finished boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_verification_mine(run);
    UPDATE standin_private.cdc_verification v
    SET rows_compared = v.rows_compared + cdc_verification_note.compared, progress_at = standin_private.clock_now(),
        differences = v.differences + CASE WHEN kind <> 'unsettled' THEN 1 ELSE 0 END,
        unsettled = v.unsettled + CASE WHEN kind = 'unsettled' THEN 1 ELSE 0 END,
        state = CASE WHEN finished THEN 'finished' ELSE v.state END
    WHERE v.run = cdc_verification_note.run;
    IF kind IS NOT NULL AND (SELECT v.differences + v.unsettled <= 1000 FROM standin_private.cdc_verification v
                             WHERE v.run = cdc_verification_note.run) THEN
        INSERT INTO standin_private.cdc_difference (run, key, kind, columns)
        VALUES (cdc_verification_note.run, cdc_verification_note.key, cdc_verification_note.kind, cdc_verification_note.columns)
        ON CONFLICT DO NOTHING;
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_verification_note(bigint, bigint, jsonb, text, name[], boolean) IS 'a part of standin.cdc_verify: counts rows compared and notes a difference. Errors: 55000 not this session''s run';
CREATE FUNCTION standin.cdc_verification_ends(run bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine standin_private.cdc_verification := standin_private.cdc_verification_mine(run);
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(o.partition || ' ' || o.topic, greatest(o.end_offset, o.next_offset)), '{}')
            FROM standin_private.kafka_offset o
            WHERE o.consumer = mine.source AND standin_private.cdc_topic_of(o.consumer, o.topic) = mine.topic);
END $$;
COMMENT ON FUNCTION standin.cdc_verification_ends(bigint) IS 'a part of standin.cdc_verify: where the partitions end now. Errors: 55000 not this session''s run';
CREATE FUNCTION standin.cdc_verification_passed(run bigint, ends jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine standin_private.cdc_verification := standin_private.cdc_verification_mine(run);
BEGIN
    RETURN ends <> '{}'
        AND coalesce((SELECT bool_and(w.state = 'running') FROM standin_private.stat_worker() w
                      WHERE w.kind = 'cdc' AND split_part(w.key, '/', 1) = mine.source), false)
        AND NOT EXISTS (SELECT FROM jsonb_each_text(ends) e WHERE NOT EXISTS (
                SELECT FROM standin_private.kafka_offset o
                WHERE o.consumer = mine.source AND o.partition || ' ' || o.topic = e.key AND o.next_offset >= e.value::bigint));
END $$;
COMMENT ON FUNCTION standin.cdc_verification_passed(bigint, jsonb) IS 'a part of standin.cdc_verify: whether everything up to these ends is applied and all workers of the source run. Errors: 55000 not this session''s run';
CREATE FUNCTION standin.cdc_verification_range(keys text[], types text[], low text[], high text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last integer := cardinality(keys);
    above text := 'true';
    below text := 'true';
BEGIN
    -- Spelt out rather than as a comparison of rows, which foreign data wrappers do not send.
    IF low IS NOT NULL THEN
        above := format('%s > %L::%s', keys[last], low[last], types[last]);
        FOR i IN REVERSE last - 1 .. 1 LOOP
            above := format('%1$s >= %2$L::%3$s AND (%1$s > %2$L::%3$s OR %4$s)', keys[i], low[i], types[i], above);
        END LOOP;
    END IF;
    IF high IS NOT NULL THEN
        below := format('%s <= %L::%s', keys[last], high[last], types[last]);
        FOR i IN REVERSE last - 1 .. 1 LOOP
            below := format('%1$s <= %2$L::%3$s AND (%1$s < %2$L::%3$s OR %4$s)', keys[i], high[i], types[i], below);
        END LOOP;
    END IF;
    RETURN format('(%s) AND (%s)', above, below);
END $$;
COMMENT ON FUNCTION standin.cdc_verification_range(text[], text[], text[], text[]) IS 'a part of standin.cdc_verify: the condition that a key is above low and at most high; null: without bound';
CREATE FUNCTION standin.cdc_verification_row(keys text[], types text[], key jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('%s = %L::%s', k.name, key->>(k.number - 1)::integer, types[k.number]), ' AND ')
    FROM unnest(keys) WITH ORDINALITY AS k(name, number)
$$;
COMMENT ON FUNCTION standin.cdc_verification_row(text[], text[], jsonb) IS 'a part of standin.cdc_verify: the condition that a row has the key, given as an array of texts';
CREATE FUNCTION standin.cdc_verification_state(of_row text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_jsonb(coalesce(md5(of_row::text), 'none'))
$$;
COMMENT ON FUNCTION standin.cdc_verification_state(text[]) IS 'a part of standin.cdc_verify: a fingerprint of a row, or of there being none';
CREATE PROCEDURE standin.cdc_verification_settle(run bigint, plan jsonb, suspects jsonb[], patience interval)
LANGUAGE plpgsql AS $$
DECLARE
    names name[];
    types text[];
    target_keys text[];
    reference_keys text[];
    deadline timestamptz;
    remaining jsonb[];
    suspect jsonb;
    ours text[];
    theirs text[];
    passed boolean;
    verdict text;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    names := ARRAY(SELECT jsonb_array_elements_text(plan->'columns'));
    types := ARRAY(SELECT jsonb_array_elements_text(plan->'types'));
    target_keys := ARRAY(SELECT jsonb_array_elements_text(plan->'target_keys'));
    reference_keys := ARRAY(SELECT jsonb_array_elements_text(plan->'reference_keys'));
    deadline := clock_timestamp() + patience * 10;
    WHILE cardinality(suspects) > 0 LOOP
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        PERFORM pg_sleep(least(0.2, extract(epoch FROM patience) / 10));
        remaining := '{}';
        FOREACH suspect IN ARRAY suspects LOOP
            passed := suspect ? 'ends' AND standin.cdc_verification_passed(run, suspect->'ends');
            EXECUTE format('SELECT ARRAY[%s]::text[] FROM %s WHERE %s', plan->>'reference_values', plan->>'reference_from',
                           standin.cdc_verification_row(reference_keys, types, suspect->'key')) INTO theirs;
            EXECUTE format('SELECT ARRAY[%s]::text[] FROM %s WHERE %s', plan->>'target_values', plan->>'target_from',
                           standin.cdc_verification_row(target_keys, types, suspect->'key')) INTO ours;
            -- What the source had at an earlier look and the target has now has arrived: the rest is on its way.
            CONTINUE WHEN ours IS NOT DISTINCT FROM theirs OR suspect->'seen' @> standin.cdc_verification_state(ours);
            verdict := NULL;
            IF suspect->'theirs' IS DISTINCT FROM standin.cdc_verification_state(theirs) THEN
                suspect := suspect - 'ends' || jsonb_build_object(
                    'since', clock_timestamp(), 'theirs', standin.cdc_verification_state(theirs),
                    'seen', suspect->'seen' || standin.cdc_verification_state(theirs));
            ELSIF passed THEN
                verdict := CASE WHEN ours IS NULL THEN 'missing' WHEN theirs IS NULL THEN 'extra' ELSE 'different' END;
            ELSIF NOT suspect ? 'ends' AND clock_timestamp() > (suspect->>'since')::timestamptz + patience THEN
                suspect := suspect || jsonb_build_object('ends', standin.cdc_verification_ends(run));
            END IF;
            IF verdict IS NULL AND clock_timestamp() <= deadline THEN
                remaining := remaining || suspect;
            ELSE
                PERFORM standin.cdc_verification_note(
                    run, 0, (SELECT jsonb_object_agg(k.name, suspect->'key'->(k.number - 1)::integer)
                             FROM jsonb_array_elements_text(plan->'keys') WITH ORDINALITY AS k(name, number)),
                    coalesce(verdict, 'unsettled'),
                    ARRAY(SELECT names[i] FROM generate_subscripts(names, 1) AS i WHERE ours[i] IS DISTINCT FROM theirs[i]), false);
            END IF;
        END LOOP;
        suspects := remaining;
    END LOOP;
END $$;
COMMENT ON PROCEDURE standin.cdc_verification_settle(bigint, jsonb, jsonb[], interval) IS 'a part of standin.cdc_verify: looks at rows that differ until they agree or the difference has outlived its position in the stream. Errors: 2D000 inside a transaction block';
CREATE PROCEDURE standin.cdc_verify(source text, topic text, reference regclass, chunk integer DEFAULT 10000,
                                    "wait" interval DEFAULT '10 seconds', INOUT run bigint DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
    keys text[];
    types text[];
    low text[];
    high text[];
    ours text;
    theirs text;
    counted bigint;
    same boolean;
    found jsonb[];
    suspects jsonb[] := '{}';
BEGIN
    COMMIT; -- an error right here if the caller's transaction block does not allow it
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    IF coalesce(chunk < 1, true) OR coalesce("wait" <= '0', true) THEN
        RAISE EXCEPTION 'chunk and wait are positive' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'wait is longer than the time that a change needs from the source''s commit to Kafka.';
    END IF;
    plan := to_jsonb(b) FROM standin.cdc_verification_begin(source, topic, reference) AS b;
    run := (plan->>'run')::bigint;
    keys := ARRAY(SELECT jsonb_array_elements_text(plan->'target_keys'));
    types := ARRAY(SELECT jsonb_array_elements_text(plan->'types'));
    LOOP
        EXECUTE format('SELECT ARRAY[%1$s]::text[] FROM %2$s WHERE %3$s ORDER BY %1$s OFFSET %4$s LIMIT 1', array_to_string(keys, ', '),
                       plan->>'target_from', standin.cdc_verification_range(keys, types, low, NULL), chunk - 1) INTO high;
        SELECT format('SELECT jsonb_build_array(%s) AS key, hashtextextended(ARRAY[%s]::text, 0) AS hash FROM %s WHERE %s',
                      string_agg(k || '::text', ', '), plan->>'target_values', plan->>'target_from',
                      standin.cdc_verification_range(keys, types, low, high))
        INTO ours FROM unnest(keys) AS k;
        SELECT format('SELECT jsonb_build_array(%s) AS key, hashtextextended(ARRAY[%s]::text, 0) AS hash FROM %s WHERE %s',
                      string_agg(k || '::text', ', '), plan->>'reference_values', plan->>'reference_from',
                      standin.cdc_verification_range(array_agg(k), types, low, high))
        INTO theirs FROM jsonb_array_elements_text(plan->'reference_keys') AS k;
        EXECUTE format('SELECT greatest(o.count, t.count), o IS NOT DISTINCT FROM t FROM (SELECT count(*), sum(hash) FROM (%s) x) o, '
                       '(SELECT count(*), sum(hash) FROM (%s) x) t', ours, theirs) INTO counted, same;
        IF NOT same THEN
            EXECUTE format('SELECT array_agg(jsonb_build_object(''key'', key, ''seen'', ''[]''::jsonb)) FROM (%s) o FULL JOIN (%s) t USING (key) '
                           'WHERE o.hash IS DISTINCT FROM t.hash', ours, theirs) INTO found;
            suspects := suspects || coalesce(found, '{}');
        END IF;
        PERFORM standin.cdc_verification_note(run, counted, NULL, NULL, NULL, false);
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        IF cardinality(suspects) >= 1000 OR (high IS NULL AND suspects <> '{}') THEN
            CALL standin.cdc_verification_settle(run, plan, suspects, "wait");
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
            suspects := '{}';
        END IF;
        EXIT WHEN high IS NULL;
        low := high;
    END LOOP;
    PERFORM standin.cdc_verification_note(run, 0, NULL, NULL, NULL, true);
END $$;
COMMENT ON PROCEDURE standin.cdc_verify IS 'compares a target with its source while both change, in ranges of chunk keys: reference is a foreign table, view or table with the source''s rows, its columns named as the event''s fields. Reads both as its caller. A row that differs is looked at again until it agrees; it counts once it has outlived wait and everything that Kafka had by then is applied. Results: standin.cdc_verifications, standin.cdc_differences. Errors: 2D000 inside a transaction block, 42704 unknown source or topic, 55000 no primary key or a history, 42703 the reference lacks a key column, 42501 rights on either table missing, 22023 an option out of range';
CREATE VIEW standin.cdc_verifications AS
SELECT v.run, v.source, v.topic, v.target, v.reference, v.state, v.rows_compared, v.differences, v.unsettled, v.compared, v.skipped,
       v.started_at, v.progress_at, v.started_by
FROM standin_private.cdc_verification v;
COMMENT ON VIEW standin.cdc_verifications IS 'runs of cdc_verify; one that was interrupted stays running and makes no progress';
COMMENT ON COLUMN standin.cdc_verifications.unsettled IS 'rows that kept changing, or whose stream stood still, so that nothing can be said of them; 0 and no difference: equal';
COMMENT ON COLUMN standin.cdc_verifications.skipped IS 'columns that have no counterpart in the reference, or that the mapping computes or masks';
CREATE VIEW standin.cdc_differences AS
SELECT d.run, v.source, v.topic, v.target, d.key, d.kind, d.columns, d.found_at
FROM standin_private.cdc_difference d JOIN standin_private.cdc_verification v USING (run);
COMMENT ON VIEW standin.cdc_differences IS 'rows in which a target differs from its source, up to 1000 a run: missing from the target, extra there, different (in which columns), or unsettled';
GRANT EXECUTE ON FUNCTION standin.cdc_source_create, standin.cdc_source_alter,
    standin.cdc_source_drop(text), standin.cdc_table_add,
    standin.cdc_table_remove(text, text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_pause(text, text), standin.cdc_resume(text),
    standin.cdc_seek(text, text, integer, bigint), standin.cdc_seek(text, text, text, integer),
    standin.cdc_seek(text, text, timestamptz, integer),
    standin.cdc_replay(text, text, integer, bigint, bigint, regclass, name, text), standin.cdc_snapshot(text, text, text, text, text),
    standin.cdc_dead_letter_retry(text, text, integer, bigint, boolean), standin.cdc_dead_letter_retry(text, text, text, boolean),
    standin.cdc_dead_letter_discard(text, text, integer, bigint, text), standin.cdc_dead_letter_discard(text, text, text, text)
    TO standin_operator, standin_admin;
GRANT SELECT ON standin.cdc_signals TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.cdc_sources, standin.cdc_tables, standin.stat_cdc TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.cdc_dead_letters, standin.cdc_dead_letters_discarded TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.cdc_dead_letter_stale(standin_private.kafka_dead_letter) TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.clock_now() TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT EXECUTE ON FUNCTION standin_private.cdc_topic_of(text, text), standin_private.cdc_worker_of(text, integer, integer),
    standin_private.cdc_worker_key(text, integer) TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.cdc_messages TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_verification_begin(text, text, regclass),
    standin.cdc_verification_note(bigint, bigint, jsonb, text, name[], boolean), standin.cdc_verification_ends(bigint),
    standin.cdc_verification_passed(bigint, jsonb), standin.cdc_verification_range(text[], text[], text[], text[]),
    standin.cdc_verification_row(text[], text[], jsonb), standin.cdc_verification_state(text[])
    TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON PROCEDURE standin.cdc_verification_settle(bigint, jsonb, jsonb[], interval), standin.cdc_verify
    TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.cdc_verifications, standin.cdc_differences TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_table_create TO standin_admin;
GRANT SELECT ON standin.cdc_tables_planned TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_column_map, standin.cdc_field_drop(text, text, text),
    standin.cdc_column_unmap(text, text, name), standin.cdc_table_alter TO standin_admin;
GRANT SELECT ON standin.cdc_columns TO standin_operator, standin_auditor, standin_admin;
COMMENT ON TABLE standin_private.workflow_definition IS
    'Versions of workflow definitions; a run is pinned to one; kept whole';
COMMENT ON TABLE standin_private.workflow_run IS
    'One row a workflow, written at its start and once more at its end: no index on anything that changes, so that update stays in the page; distributed by workflow_id';
COMMENT ON TABLE standin_private.workflow_task IS
    'Open workflows only: who works on each, until when, under which fencing token; distributed by workflow_id';
COMMENT ON TABLE standin_private.workflow_step IS
    'The step log, append-only: a row is written in the transaction of the step''s effect; distributed by workflow_id';
COMMENT ON TABLE standin_private.workflow_attempt IS
    'Failed attempts of steps, recorded when they fail; distributed by workflow_id';
COMMENT ON TABLE standin_private.workflow_role IS
    'Roles that have started an in-database workflow: each gets one executor, connected as that role; kept whole';
COMMENT ON FUNCTION standin_private.workflow_run_guard() IS 'A finished workflow stays as it is, and so does the input of any.';
COMMENT ON FUNCTION standin_private.workflow_step_guard() IS 'The step log is append-only.';
COMMENT ON FUNCTION standin_private.workflow_caller() IS
    'The role that the session acts as (SET ROLE counts), seen from inside a SECURITY DEFINER function.';
COMMENT ON FUNCTION standin_private.workflow_input_hash(jsonb) IS 'What the step log keeps of a step''s input.';
COMMENT ON FUNCTION standin_private.workflow_source_hash(oid) IS 'SHA-256 of a procedure''s source.';
COMMENT ON FUNCTION standin_private.workflow_procedure(text, boolean) IS
    'Finds the procedure of a definition without needing rights on its schema; NULL if it is gone.';
COMMENT ON FUNCTION standin_private.workflow_flush() IS 'This transaction''s commit waits for its flush, whatever synchronous_commit says.';
COMMENT ON FUNCTION standin.workflow_define(text, regprocedure, integer) IS
    'Defines a workflow, or its next version if anything about it changed, and returns the version. With a PL/pgSQL procedure (input jsonb [, INOUT output jsonb]) it runs inside the database; without one, application workers claim it. A workflow that was recovered recovery_limit times in a row without a new step is declared dead.';
COMMENT ON FUNCTION standin.workflow_start(text, text, jsonb) IS
    'Starts a workflow in the caller''s transaction and returns its id. The id is the idempotency key: starting again with the same name and input changes nothing, another name or input is an error. Without an id one is made.';
COMMENT ON FUNCTION standin_private.workflow_finish(text, bigint, text, jsonb, jsonb) IS
    'Ends an open workflow that is held under the token; false if it is not.';
COMMENT ON FUNCTION standin_private.workflow_lease(text, text, oid, timestamptz) IS
    'Gives a task, whose row the caller has locked, to a worker under a new token; NULL if it has exceeded its recovery limit and is now dead.';
COMMENT ON FUNCTION standin_private.workflow_recover(oid) IS
    'Called by the one executor of a role while it runs nothing: whatever is taken was taken by a predecessor, and is to be taken again.';
COMMENT ON FUNCTION standin_private.workflow_take(oid, text) IS
    'Takes the next in-database workflow of a role for its executor: no row, or one.';
COMMENT ON FUNCTION standin_private.workflow_release(text, bigint, jsonb) IS
    'Gives a taken workflow back, to be resumed: after an error that only asks for another try.';
COMMENT ON PROCEDURE standin.step(text, text, jsonb, jsonb, integer) IS
    'One step of an in-database workflow: runs the handler, a function(jsonb) returning jsonb, and commits its effect together with the record. After a crash a recorded step returns its output without running. Called in the workflow''s procedure only, outside any block with EXCEPTION. A handler that fails is tried again up to `retries` times, then the workflow fails.';
COMMENT ON FUNCTION standin.workflow_current() IS 'The id of the in-database workflow that runs here, or null.';
COMMENT ON FUNCTION standin.step_key() IS
    'In the handler of a step: a key made of the workflow''s id and the step''s number, the same on every attempt and after every crash. Use it as the idempotency key of a call to the outside.';
COMMENT ON FUNCTION standin.workflow_result(text, interval) IS
    'Status (pending, running, completed, failed, dead), output and error of a workflow. With a timeout, at most a minute, it waits for the end; being a function it holds its statement''s snapshot while it waits, so for longer waits CALL standin.workflow_wait.';
COMMENT ON PROCEDURE standin.workflow_wait(text, interval, text, jsonb, jsonb) IS
    'Waits for the end of a workflow without a transaction or a snapshot, so it must be called outside a transaction block. Status is pending or running if the time was over first.';
COMMENT ON FUNCTION standin_private.workflow_hold(text, bigint) IS 'Locks an external workflow under its current token, or refuses.';
COMMENT ON FUNCTION standin_private.workflow_claim_now(text, text[], interval, integer) IS 'A claim that does not wait.';
COMMENT ON FUNCTION standin_private.workflow_claim_next(text[]) IS
    'Whether something can be claimed now (its row is then locked), and if not when the next lease or delay ends.';
COMMENT ON FUNCTION standin_private.workflow_claim_await(text[], interval) IS
    'Waits until there may be something to claim; false when the time is over.';
COMMENT ON FUNCTION standin.workflow_claim(text, text[], interval, integer, interval) IS
    'Claims up to max_count workflows that are due, each under a lease and a fencing token that only rises. Commit before you work on them. A lease that ends makes the workflow claimable again. With `wait` (at most a minute, the snapshot is held meanwhile) it waits for work.';
COMMENT ON PROCEDURE standin.workflow_claim_wait(text[], interval, boolean) IS
    'Waits, without a transaction or a snapshot, until there may be something to claim: then call standin.workflow_claim. Must be called outside a transaction block.';
COMMENT ON FUNCTION standin.step_record(text, bigint, text, jsonb, jsonb, integer) IS
    'Records a step of an external workflow in the caller''s transaction, so that its effect and the record commit together; returns its number. The name is unique within the workflow: a step that is already recorded is refused. With `seq` its place is checked too.';
COMMENT ON FUNCTION standin.step_result(text, bigint, text, jsonb, integer) IS
    'Whether a step is recorded, and its output. Ask before doing a step: a recorded one must not be done again. An input (or place) that differs from the recorded one is an error.';
COMMENT ON FUNCTION standin.workflow_extend(text, bigint, interval) IS 'Prolongs a lease from now on and returns its new end.';
COMMENT ON FUNCTION standin_private.workflow_end(text, bigint, text, jsonb, jsonb) IS 'Ends an external workflow, once.';
COMMENT ON FUNCTION standin.workflow_complete(text, bigint, jsonb) IS
    'Ends an external workflow with its output, in the caller''s transaction. The same call again changes nothing.';
COMMENT ON FUNCTION standin.workflow_fail(text, bigint, text, jsonb) IS
    'Ends an external workflow as failed, in the caller''s transaction. The same call again changes nothing.';
COMMENT ON VIEW standin.workflows IS
    'Every workflow that the reader started; operators and auditors see all. Distributed by workflow_id.';
COMMENT ON VIEW standin.workflow_steps IS
    'The steps of the workflows that the reader may see: recorded ones, and those whose last attempt failed. Distributed by workflow_id.';
COMMENT ON VIEW standin_private.workflow_workers IS 'One executor for each role that has started an in-database workflow.';
GRANT EXECUTE ON FUNCTION standin.workflow_define(text, regprocedure, integer) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.workflow_start(text, text, jsonb) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_result(text, interval) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON PROCEDURE standin.workflow_wait(text, interval, text, jsonb, jsonb) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON PROCEDURE standin.step(text, text, jsonb, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_current() TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_key() TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_claim(text, text[], interval, integer, interval) TO standin_app;
GRANT EXECUTE ON PROCEDURE standin.workflow_claim_wait(text[], interval, boolean) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_record(text, bigint, text, jsonb, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_result(text, bigint, text, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_extend(text, bigint, interval) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_complete(text, bigint, jsonb) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_fail(text, bigint, text, jsonb) TO standin_app;
GRANT SELECT ON standin.workflows, standin.workflow_steps TO standin_app, standin_operator, standin_auditor;
COMMENT ON TABLE standin_private.core IS 'core banking systems and how to speak to them; distributed: kept whole';
COMMENT ON TABLE standin_private.operation IS 'what may be asked of a core, and what is known of each operation; distributed: kept whole';
COMMENT ON TABLE standin_private.core_mode IS 'who answers now, by core and capability; the epoch only rises; distributed: kept whole';
COMMENT ON TABLE standin_private.core_mode_change IS 'every change of mode, who and why; distributed: kept whole';
COMMENT ON TABLE standin_private.episode IS 'continuous stand-in periods; distributed: kept whole';
COMMENT ON TABLE standin_private.rule IS 'stand-in rules; a rule of an operation stands before the same rule of *; distributed: kept whole';
COMMENT ON TABLE standin_private.balance_source IS 'the replicated table a core''s balances are read from; distributed: kept whole';
COMMENT ON TABLE standin_private.reconciliation IS 'replicated tables whose rows carry our idempotency keys; distributed: kept whole';
COMMENT ON TABLE standin_private.transaction_key IS 'idempotency keys with the digest of operation and payload; narrow, outlives history; distributed by key';
COMMENT ON TABLE standin_private.account IS 'an account''s lock, holds and limit counters; distributed by account';
COMMENT ON TABLE standin_private.pending_transaction IS 'every transaction asked for, and where it stands; distributed by account';
COMMENT ON TABLE standin_private.decision IS 'decision log, append-only; distributed by account';
COMMENT ON TABLE standin_private.core_answer IS 'what the connectors heard, append-only; distributed by account';
COMMENT ON TABLE standin_private.core_event IS 'our keys seen in the core''s own change events, append-only; distributed by key';
COMMENT ON TABLE standin_private.repair IS 'what persons decided about transactions, append-only; distributed by account';
COMMENT ON FUNCTION standin_private.pending_transaction_guard() IS
    'refuses state changes outside the state diagram, and any change of what was accepted';
COMMENT ON FUNCTION standin_private.epoch_guard() IS 'the epoch only rises';
COMMENT ON FUNCTION standin_private.append_only() IS 'refuses updates of logs';
COMMENT ON FUNCTION standin_private.config_changed() IS 'at the commit, every session forgets what it knew of cores, operations, rules and modes';
COMMENT ON FUNCTION standin_private.postgres_validator(text[], oid) IS 'allow-list of the options of standin_postgres servers and user mappings';
COMMENT ON FOREIGN DATA WRAPPER standin_postgres IS 'PostgreSQL core systems: libpq options on the server, user and password in the user mapping';
COMMENT ON FUNCTION standin.core_define IS 'defines a core banking system and its connector, or changes its settings. connector: ''postgres'' (server: a foreign server of standin_postgres) or ''function'' (post_function, inquire_function, probe_function with their schema, run as connector_role). rise, fall: good or bad probes in a row that change the mode; replay_rate: calls a second; attempts_maximum: calls spent on one transaction before a person is asked; time_zone: of the business day. Errors: 42704 unknown server, role; 42883 unknown function; 42501 not a member of connector_role; 22023 unknown time zone; 23514 a value out of range';
COMMENT ON FUNCTION standin_private.core_require IS 'an error if a core is not defined';
COMMENT ON FUNCTION standin.operation_define IS 'declares an operation of a core, or changes it. account_field and amount_field name fields of the payload; required: further ones with their JSON type, e.g. {"iban": "string"}; direction: ''debit'' (holds funds) or ''credit''; dedup: what the core does with a key it has seen: ''key'' (answers the same again), ''inquiry'' (can only be asked), ''none''; standin_allowed: whether stand-in may decide it; on_reject: ''hold'' stops the account at a promised transaction that the core refuses, ''continue'' does not. Errors: 42704 unknown core, 22023 unknown JSON type, 23514 another value out of range';
COMMENT ON FUNCTION standin.rule_define IS 'sets a stand-in rule for an operation of a core (* for all), or changes it. rule: ''per_transaction_limit'', ''cumulative_limit'' (window ''episode'' or ''business_day''), ''available_balance'', ''allowed_operation''; amount: in the payload''s currency; mode: ''enforce'', ''monitor'' (recorded in the decision, declines nothing), ''off''. Errors: 42704 unknown core or operation, 23514 unknown rule, window or mode, or no amount';
COMMENT ON FUNCTION standin_private.column_require IS 'an error if a column of a replicated table is missing or not readable';
COMMENT ON FUNCTION standin.balance_bind IS 'names the replicated table that holds a core''s balances, for the rule available_balance and standin.accounts; as_of_column: its watermark. Errors: 42704 unknown core, 42703 unknown column, 42809 not a plain table, 42501 standin_owner may not read it';
COMMENT ON FUNCTION standin.reconciliation_bind IS 'names a replicated table whose rows carry our idempotency keys: an applied change event with a key confirms that transaction, in the same commit. Returns the binding''s id. Errors: 42704 unknown core, 42703 unknown column, 42809 not a plain table';
COMMENT ON FUNCTION standin.transaction_submit IS 'takes a transaction inside the caller''s own, in every mode; it goes to the core after the commit, in its account''s order. key: idempotency key, unique per core, 1 to 255 bytes. Returns ticket, status (accepted, declined), ISO 8583 code (00, 51 insufficient funds, 57 not permitted, 61 over a limit, 91 backlog full) and a message for the customer. The same key and payload again return the first answer. Errors: SI001 key used with another payload; 42704 unknown core or operation; 22023 malformed payload; at commit 40001 the core''s mode changed: retry';
COMMENT ON PROCEDURE standin.transaction_execute IS 'like transaction_submit, but commits the intent, posts it while the core is online and the account has no backlog, and returns the core''s answer (posted, rejected); accepted and "processing" otherwise, or when the answer stayed out. Errors: those of transaction_submit; 25001 inside a transaction block, 55000 this server may not speak to the core';
COMMENT ON PROCEDURE standin.transaction_wait IS 'waits, holding no snapshot, until a transaction is decided or the time is over; call it outside a transaction block. Errors: 42704 unknown ticket, 25001 inside a transaction block';
COMMENT ON FUNCTION standin.core_switch IS 'sets the mode of a core, or of one capability of it: forced_stand_in, forced_online, online, stand_in. Takes effect at commit, audited in standin.core_mode_changes; returns the highest new epoch. Errors: 42704 unknown core or capability, 22023 unknown mode or no reason';
COMMENT ON FUNCTION standin_private.state_message IS 'what a customer is told about a state';
COMMENT ON FUNCTION standin.transaction_status IS 'where the transaction with this key stands, with a message for the customer; no row if the key was never taken';
COMMENT ON FUNCTION standin.repair_resolve IS 'a person''s decision about a transaction in state repair: ''retry'' (send it again), ''compensated'' (reversed by another entry) or ''cancelled''; audited in standin.repairs. Returns the new state. Errors: 22023 unknown resolution or no reason, 42704 unknown ticket, 55000 not in repair';
COMMENT ON VIEW standin_private.standin_workers IS 'the workers stand-in wants: a prober and a replay worker for each core';
COMMENT ON VIEW standin.transactions IS 'every transaction asked for, with its state';
COMMENT ON VIEW standin.pending_transactions IS 'transactions that are not settled: waiting for the core, for reconciliation, or for a person';
COMMENT ON VIEW standin.core_status IS 'who answers for each core and capability, since when and why, with backlog and last probe';
COMMENT ON VIEW standin.core_mode_changes IS 'every change of mode, who and why';
COMMENT ON VIEW standin.episodes IS 'stand-in periods with what was decided in them';
COMMENT ON VIEW standin.decisions IS 'the decision log, with the verdict of every rule';
COMMENT ON VIEW standin.repairs IS 'what persons decided about transactions';
COMMENT ON FUNCTION standin_private.balances_read IS 'the rows of a balance table, read as its owner: its policies and types are its owner''s code';
COMMENT ON FUNCTION standin_private.account_overlay IS 'replicated balances and holds, side by side';
COMMENT ON VIEW standin.accounts IS 'replicated balance minus holds; as_of is the watermark column of the balance table';
COMMENT ON VIEW standin_private.ledger IS 'one row a ticket: what each place says about it, and where they disagree';
COMMENT ON VIEW standin.conservation_faults IS 'every disagreement between decision log, queue, keys, answers, change events, repairs and holds; empty is right';
COMMENT ON VIEW standin.conservation IS 'accepted = posted + compensated + cancelled + expired + open, counted from independent places; balanced is false when any of them disagrees about any transaction';
COMMENT ON VIEW standin.reconciliation_differences IS 'transactions that the core booked although stand-in declined, rejected, cancelled or compensated them';
GRANT EXECUTE ON FUNCTION standin.transaction_submit, standin.transaction_status TO standin_app;
GRANT EXECUTE ON PROCEDURE standin.transaction_execute, standin.transaction_wait TO standin_app;
GRANT EXECUTE ON FUNCTION standin.core_switch, standin.repair_resolve TO standin_operator, standin_admin;
GRANT EXECUTE ON FUNCTION standin.transaction_status TO standin_operator, standin_auditor;
GRANT EXECUTE ON FUNCTION standin.core_define, standin.operation_define, standin.rule_define, standin.balance_bind,
    standin.reconciliation_bind TO standin_admin;
GRANT USAGE ON FOREIGN DATA WRAPPER standin_postgres TO standin_admin;
GRANT SELECT ON standin.transactions, standin.pending_transactions, standin.core_status, standin.core_mode_changes, standin.episodes,
    standin.decisions, standin.repairs, standin.accounts, standin.conservation_faults, standin.conservation,
    standin.reconciliation_differences TO standin_operator, standin_auditor, standin_approver, standin_admin;
GRANT SELECT ON standin.core_status TO standin_app;
GRANT EXECUTE ON FUNCTION standin_private.state_message, standin_private.clock_now, standin_private.account_overlay
    TO standin_operator, standin_auditor, standin_approver, standin_admin;
COMMENT ON TABLE standin_private.capability IS 'register of the bank''s capabilities; kept whole';
COMMENT ON FUNCTION standin.capability_define(text, text, text, boolean, interval, text) IS 'registers a capability of the bank under its BIAN service domain, or changes its entry. impact_tolerance: the most disruption the bank allows. Errors: 22004 important service without tolerance, 23514 malformed domain';
COMMENT ON VIEW standin.capabilities IS 'who answers what: each capability, the core and operations behind it, and whether the core or stand-in answers now';
GRANT EXECUTE ON FUNCTION standin.capability_define(text, text, text, boolean, interval, text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.clock_now() TO standin_operator, standin_approver, standin_auditor, standin_admin;
GRANT SELECT ON standin.capabilities TO standin_operator, standin_approver, standin_auditor, standin_admin;
CREATE VIEW standin_private.worker_wanted AS
SELECT w.kind, w.key, w.role, coalesce(r.rolcanlogin, w.role IS NULL) AS rolcanlogin, w.outward
FROM (
    SELECT NULL::text AS kind, NULL::text AS key, NULL::oid AS role, NULL::boolean AS outward WHERE false
    UNION ALL SELECT * FROM standin_private.cdc_workers
    UNION ALL SELECT * FROM standin_private.workflow_workers
    UNION ALL SELECT * FROM standin_private.standin_workers
) w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin_private.worker_wanted IS 'the workers this database should have; the supervisor makes it so';
DO $$
DECLARE
    object record;
BEGIN
    FOR object IN
        SELECT format('ALTER %s %s OWNER TO standin_owner',
                      CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
                      c.oid::regclass) AS command
        FROM pg_class c
        WHERE c.relnamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace)
          AND c.relkind IN ('r', 'p', 'v', 'S', 'c')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO standin_owner', p.oid::regprocedure)
        FROM pg_proc p WHERE p.pronamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace)
        UNION ALL
        SELECT format('ALTER %s %s OWNER TO standin_owner', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype)
        FROM pg_type t WHERE t.typnamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace) AND t.typtype IN ('e', 'd')
    LOOP
        EXECUTE object.command;
    END LOOP;

    GRANT USAGE ON SCHEMA standin, standin_private TO standin_owner;
    REVOKE ALL ON ALL ROUTINES IN SCHEMA standin, standin_private FROM PUBLIC;
    REVOKE ALL ON ALL TABLES IN SCHEMA standin, standin_private FROM PUBLIC;

    FOR object IN
        SELECT c.oid FROM pg_class c
        WHERE c.relnamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace) AND c.relkind IN ('r', 'p', 'S')
          AND c.oid <> 'standin_private.worker_mark'::regclass
    LOOP
        PERFORM pg_extension_config_dump(object.oid, '');
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.extension_announce() IS 'tells the launcher, at commit, that this database has the extension';
REVOKE ALL ON FUNCTION standin_private.extension_announce() FROM PUBLIC;
