CREATE TABLE standin_private.cdc_source (
    source text PRIMARY KEY REFERENCES standin_private.kafka_consumer ON DELETE CASCADE,
    time_precision_mode text NOT NULL DEFAULT 'adaptive'
        CHECK (time_precision_mode IN ('adaptive', 'adaptive_time_microseconds', 'connect')),
    decimal_handling_mode text NOT NULL DEFAULT 'precise' CHECK (decimal_handling_mode IN ('precise', 'string', 'double')),
    binary_handling_mode text NOT NULL DEFAULT 'bytes'
        CHECK (binary_handling_mode IN ('bytes', 'base64', 'base64-url-safe', 'hex')),
    unavailable_value_placeholder text NOT NULL DEFAULT '__debezium_unavailable_value'
        CHECK (unavailable_value_placeholder <> ''),
    batch_records integer NOT NULL DEFAULT 10000 CHECK (batch_records BETWEEN 1 AND 100000),
    batch_kilobytes integer NOT NULL DEFAULT 16384 CHECK (batch_kilobytes BETWEEN 64 AND 1048576),
    queue_kilobytes integer NOT NULL DEFAULT 16384 CHECK (queue_kilobytes BETWEEN 64 AND 2097151),
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    created_by name NOT NULL DEFAULT session_user
);
COMMENT ON TABLE standin_private.cdc_source IS 'streams of Debezium change events, a worker each; kept whole';

CREATE TABLE standin_private.cdc_table (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$'),
    target regclass NOT NULL,
    apply_role name,
    on_truncate text NOT NULL DEFAULT 'dead_letter' CHECK (on_truncate IN ('dead_letter', 'ignore')),
    created_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    created_by name NOT NULL DEFAULT session_user,
    PRIMARY KEY (source, topic)
);
COMMENT ON TABLE standin_private.cdc_table IS 'which topic of a source is applied to which table, as whom (null: the table''s owner); kept whole';

CREATE TABLE standin_private.cdc_progress (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL,
    partition integer NOT NULL,
    reads bigint NOT NULL DEFAULT 0,
    inserts bigint NOT NULL DEFAULT 0,
    updates bigint NOT NULL DEFAULT 0,
    deletes bigint NOT NULL DEFAULT 0,
    ignored bigint NOT NULL DEFAULT 0,
    unknown_fields bigint NOT NULL DEFAULT 0,
    dead_letters bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    source_at timestamptz,
    applied_at timestamptz,
    PRIMARY KEY (source, topic, partition)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE standin_private.cdc_progress IS 'what was applied from each partition, counted in the applying transactions; distributed by source, like kafka_offset';

CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_source
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc', 'supervisor');
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('cdc');
