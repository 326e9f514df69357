CREATE FUNCTION standin_private.kafka_validator(options text[], catalog oid) RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_kafka_validator';
COMMENT ON FUNCTION standin_private.kafka_validator(text[], oid) IS 'checks the options of CREATE SERVER and CREATE USER MAPPING against an allow-list of librdkafka properties';

CREATE FOREIGN DATA WRAPPER standin_kafka NO HANDLER VALIDATOR standin_private.kafka_validator;
COMMENT ON FOREIGN DATA WRAPPER standin_kafka IS 'a Kafka cluster: options are librdkafka properties; secrets go into the user mapping of standin_owner';
GRANT USAGE ON FOREIGN DATA WRAPPER standin_kafka TO standin_admin;

-- The consumer layer: whoever reads Kafka keeps its offsets here and moves them in the transaction of what it did with the
-- records. What is committed as a group offset in Kafka is a copy for lag tools.
CREATE TABLE standin_private.kafka_consumer (
    consumer text PRIMARY KEY CHECK (consumer ~ '^[A-Za-z0-9._-]{1,100}$'),
    server name NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    pause_reason text,
    changed_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    changed_by name NOT NULL DEFAULT session_user,
    CHECK (paused OR pause_reason IS NULL)
);
COMMENT ON COLUMN standin_private.kafka_consumer.changed_by IS 'who paused it or let it go on last, or made it';
COMMENT ON TABLE standin_private.kafka_consumer IS 'who reads Kafka, from which foreign server, and whether an operator paused it; kept whole';

CREATE TABLE standin_private.kafka_offset (
    consumer text NOT NULL REFERENCES standin_private.kafka_consumer ON DELETE CASCADE,
    topic text NOT NULL,
    partition integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    end_offset bigint CHECK (end_offset >= 0),
    cluster_id text NOT NULL DEFAULT '',
    seek_at timestamptz CHECK (seek_at > '-infinity'),
    stop_offset bigint CHECK (stop_offset > 0),
    record_offset bigint CHECK (record_offset >= 0),
    record_hash bigint,
    CHECK ((record_offset IS NULL) = (record_hash IS NULL)),
    PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE standin_private.kafka_offset IS 'the next record to apply, moved by compare-and-set in the applying transaction; distributed by consumer, with the worker that owns it';
COMMENT ON COLUMN standin_private.kafka_offset.next_offset IS '0: from the beginning, wherever that is';
COMMENT ON COLUMN standin_private.kafka_offset.end_offset IS 'the end of the partition when last seen';
COMMENT ON COLUMN standin_private.kafka_offset.cluster_id IS 'the cluster that the offsets count in; empty until known';
COMMENT ON COLUMN standin_private.kafka_offset.seek_at IS 'where to go on once Kafka was asked: at the first record of this time or later, infinity: at the end; null: at next_offset';
COMMENT ON COLUMN standin_private.kafka_offset.stop_offset IS 'the first record that is not to be applied any more; null: go on for ever';
COMMENT ON COLUMN standin_private.kafka_offset.record_offset IS 'the last record taken from the partition, read and compared with record_hash before going on after a start: another one there means another topic of the same name';
COMMENT ON COLUMN standin_private.kafka_offset.record_hash IS 'FNV-1a of its timestamp, key and value';

CREATE TABLE standin_private.kafka_dead_letter (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL DEFAULT '[]',
    record_at timestamptz,
    sqlstate text NOT NULL CHECK (length(sqlstate) = 5),
    error text NOT NULL,
    column_name text,
    redacted boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 1 CHECK (attempts > 0),
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    last_attempt_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    superseded_by bigint,
    retry_at timestamptz,
    retry_by name,
    retry_force boolean NOT NULL DEFAULT false,
    restored_at timestamptz,
    restored_by name,
    hint text,
    CHECK ((retry_at IS NULL) = (retry_by IS NULL) AND (retry_at IS NOT NULL OR NOT retry_force)),
    PRIMARY KEY (consumer, topic, partition, record_offset)
);
CREATE INDEX ON standin_private.kafka_dead_letter (consumer, created_at);
CREATE INDEX ON standin_private.kafka_dead_letter (consumer, topic, partition, record_offset) WHERE retry_at IS NOT NULL;
CREATE INDEX ON standin_private.kafka_dead_letter USING hash (key) WHERE superseded_by IS NULL;
COMMENT ON TABLE standin_private.kafka_dead_letter IS 'records that could not be applied, with all a retry needs, written in the transaction that moved past them; outlives its consumer; distributed by consumer';
COMMENT ON COLUMN standin_private.kafka_dead_letter.redacted IS 'confidential fields are hidden in key, value and headers, or all of these are missing; the record itself is in Kafka, as long as it keeps it';
COMMENT ON COLUMN standin_private.kafka_dead_letter.headers IS 'array of {"key", "value"}, the value in base64';
COMMENT ON COLUMN standin_private.kafka_dead_letter.superseded_by IS 'offset of a later record of the same key that was applied: to apply this one now would bring old values back';
COMMENT ON COLUMN standin_private.kafka_dead_letter.retry_at IS 'when a retry was asked for that has not been made yet';

COMMENT ON COLUMN standin_private.kafka_dead_letter.restored_at IS 'when it was taken back from the discarded ones: while it was there nobody noted later records of its key';

CREATE TABLE standin_private.kafka_dead_letter_discarded (
    LIKE standin_private.kafka_dead_letter,
    discard_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    discarded_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    discarded_by name NOT NULL,
    reason text NOT NULL CHECK (reason <> '')
);
COMMENT ON COLUMN standin_private.kafka_dead_letter_discarded.restored_at IS 'when it was made a dead letter again';
COMMENT ON TABLE standin_private.kafka_dead_letter_discarded IS 'dead letters that an operator gave up, and who, when and why; nothing is ever taken from it; distributed by consumer';

CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.kafka_consumer
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc', 'supervisor');
