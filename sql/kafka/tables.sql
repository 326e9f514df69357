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
COMMENT ON TABLE standin_private.kafka_consumer IS 'who reads Kafka, from which foreign server, and whether an operator paused it; kept whole';

CREATE TABLE standin_private.kafka_offset (
    consumer text NOT NULL REFERENCES standin_private.kafka_consumer ON DELETE CASCADE,
    topic text NOT NULL,
    partition integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    end_offset bigint CHECK (end_offset >= 0),
    cluster_id text NOT NULL DEFAULT '',
    PRIMARY KEY (consumer, topic, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE standin_private.kafka_offset IS 'the next record to apply, moved by compare-and-set in the applying transaction; distributed by consumer, with the worker that owns it';
COMMENT ON COLUMN standin_private.kafka_offset.next_offset IS '0: from the beginning, wherever that is';
COMMENT ON COLUMN standin_private.kafka_offset.end_offset IS 'the end of the partition when last seen';
COMMENT ON COLUMN standin_private.kafka_offset.cluster_id IS 'the cluster that the offsets count in; empty until known';

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
    PRIMARY KEY (consumer, topic, partition, record_offset)
);
COMMENT ON TABLE standin_private.kafka_dead_letter IS 'records that could not be applied, with all a retry needs, written in the transaction that moved past them; outlives its consumer; distributed by consumer';
COMMENT ON COLUMN standin_private.kafka_dead_letter.redacted IS 'confidential fields are hidden in key, value and headers, or all of these are missing; the record itself is in Kafka, as long as it keeps it';
COMMENT ON COLUMN standin_private.kafka_dead_letter.headers IS 'array of {"key", "value"}, the value in base64';

CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.kafka_consumer
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc', 'supervisor');
