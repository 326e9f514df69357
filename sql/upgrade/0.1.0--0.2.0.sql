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
