CREATE TABLE standin_private.cdc_source (
    source text PRIMARY KEY REFERENCES standin_private.kafka_consumer ON DELETE CASCADE,
    time_precision_mode text NOT NULL CHECK (time_precision_mode IN
        ('adaptive', 'adaptive_time_microseconds', 'connect', 'isostring', 'microseconds', 'nanoseconds')),
    decimal_handling_mode text NOT NULL CHECK (decimal_handling_mode IN ('precise', 'string', 'double')),
    binary_handling_mode text NOT NULL CHECK (binary_handling_mode IN ('bytes', 'base64', 'base64-url-safe', 'hex')),
    interval_handling_mode text NOT NULL CHECK (interval_handling_mode IN ('numeric', 'string')),
    unavailable_value_placeholder text NOT NULL CHECK (unavailable_value_placeholder <> ''),
    message_format text NOT NULL CHECK (message_format IN ('auto', 'envelope', 'flattened')),
    rounding text NOT NULL CHECK (rounding IN ('error', 'truncate', 'round')),
    consistency text NOT NULL CHECK (consistency IN ('eventual', 'transaction')),
    workers integer NOT NULL CHECK (workers BETWEEN 1 AND 32),
    transaction_topic text CHECK (transaction_topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    on_stall text NOT NULL CHECK (on_stall IN ('wait', 'apply')),
    stall_timeout interval NOT NULL CHECK (stall_timeout > '0'),
    on_message text NOT NULL CHECK (on_message IN ('ignore', 'store', 'call')),
    message_function text, -- qualified, not a regprocedure: pg_upgrade does not keep the numbers of functions
    message_topic text CHECK (message_topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    schema_topic text CHECK (schema_topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    dead_letter_limit integer NOT NULL CHECK (dead_letter_limit > 0),
    dead_letter_window interval NOT NULL CHECK (dead_letter_window > '0'),
    conflict_timeout interval NOT NULL CHECK (conflict_timeout >= '0'),
    signal_topic text CHECK (signal_topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    signal_table text, -- qualified, not a regclass: the number of a dropped one may be another's where a dump is restored
    batch_records integer NOT NULL CHECK (batch_records BETWEEN 1 AND 100000),
    batch_kilobytes integer NOT NULL CHECK (batch_kilobytes BETWEEN 64 AND 1048576),
    queue_kilobytes integer NOT NULL CHECK (queue_kilobytes BETWEEN 64 AND 2097151),
    version bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    created_by name NOT NULL DEFAULT session_user,
    on_gap text NOT NULL DEFAULT 'report' CHECK (on_gap IN ('report', 'snapshot')),
    CHECK (consistency = 'eventual' OR (workers = 1 AND transaction_topic IS NOT NULL)),
    CHECK ((on_message = 'call') = (message_function IS NOT NULL))
);
COMMENT ON TABLE standin_private.cdc_source IS 'streams of Debezium change events and how their connector writes them; kept whole';
COMMENT ON COLUMN standin_private.cdc_source.version IS 'counts the changes of the source, its tables and their columns, and its pauses: a worker commits only what it applied by the last one';

CREATE TABLE standin_private.cdc_table (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$' OR (topic LIKE '^%' AND length(topic) <= 1000)),
    target regclass NOT NULL,
    kind text NOT NULL CHECK (kind IN ('current', 'history')),
    apply_role name,
    on_truncate text NOT NULL CHECK (on_truncate IN ('dead_letter', 'ignore', 'apply')),
    schema_evolution text NOT NULL CHECK (schema_evolution IN ('ignore', 'add', 'fail')),
    foreign_keys text NOT NULL CHECK (foreign_keys IN ('enforce', 'skip')),
    row_filter text CHECK (row_filter <> ''),
    data_collection text CHECK (data_collection <> ''),
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    created_by name NOT NULL DEFAULT session_user,
    PRIMARY KEY (source, topic)
);
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

CREATE TABLE standin_private.cdc_progress (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL,
    partition integer NOT NULL,
    reads bigint NOT NULL DEFAULT 0,
    inserts bigint NOT NULL DEFAULT 0,
    updates bigint NOT NULL DEFAULT 0,
    deletes bigint NOT NULL DEFAULT 0,
    truncates bigint NOT NULL DEFAULT 0,
    messages bigint NOT NULL DEFAULT 0,
    ignored bigint NOT NULL DEFAULT 0,
    filtered bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    incomplete bigint NOT NULL DEFAULT 0,
    unknown_fields bigint NOT NULL DEFAULT 0,
    dead_letters bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    source_at timestamptz,
    debezium_at timestamptz,
    applied_at timestamptz,
    flattened boolean,
    records bigint NOT NULL DEFAULT 0,
    record_rate double precision,
    PRIMARY KEY (source, topic, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE standin_private.cdc_progress IS 'what was applied from each partition, counted in the applying transactions; distributed by source, like kafka_offset';

COMMENT ON COLUMN standin_private.cdc_progress.records IS 'taken from Kafka, and dead letters that a retry applied: each is counted once more, by what became of it';
COMMENT ON COLUMN standin_private.cdc_progress.record_rate IS 'records a second in the last batches';
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
    at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (source, target, origin, position, old_key)
);
COMMENT ON TABLE standin_private.cdc_key_change IS 'between the two halves of a changed key, a delete and an insert that may come in different batches or partitions: the stored values that the insert withholds; distributed by source, like kafka_offset';
COMMENT ON COLUMN standin_private.cdc_key_change.position IS 'of both halves, see cdc_position; empty: they find each other by old_key';
COMMENT ON COLUMN standin_private.cdc_key_change.stored IS 'columns of the row under its old key, as text';

CREATE SEQUENCE standin_private.cdc_replay_number;

CREATE TABLE standin_private.cdc_signal (
    signal_id text PRIMARY KEY,
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    type text NOT NULL,
    data jsonb NOT NULL,
    signal_table text,
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

CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_source
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc', 'supervisor');
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc');
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_column
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc');
CREATE TRIGGER wake AFTER INSERT ON standin_private.cdc_signal
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc');
