CREATE VIEW standin_private.cdc_workers AS
SELECT 'cdc'::text AS kind, standin_private.cdc_worker_key(s.source, n) AS key, NULL::oid AS role, false AS outward
FROM standin_private.cdc_source s, generate_series(0, s.workers - 1) n;
COMMENT ON VIEW standin_private.cdc_workers IS 'the workers of each source, at least one';

CREATE VIEW standin.cdc_sources AS
SELECT s.source, c.server, c.paused, c.pause_reason, w.state, w.detail, w.pid, w.error_sqlstate, w.last_error, w.error_at,
       (SELECT sum(standin_private.process_memory(m.pid))::bigint FROM standin_private.stat_worker() m
        WHERE m.kind = 'cdc' AND split_part(m.key, '/', 1) = s.source) AS memory_bytes,
       s.consistency, s.workers, s.transaction_topic, s.on_stall, s.stall_timeout, s.message_format, s.time_precision_mode,
       s.decimal_handling_mode, s.binary_handling_mode, s.interval_handling_mode, s.unavailable_value_placeholder, s.rounding,
       s.on_message, standin_private.cdc_message_function(s.message_function)::regprocedure AS message_function, s.dead_letter_limit, s.dead_letter_window, s.conflict_timeout, s.signal_topic,
       standin_private.table_named(s.signal_table) AS signal_table, s.message_topic, s.schema_topic, s.batch_records, s.batch_kilobytes, s.queue_kilobytes, s.created_at, s.created_by,
       (SELECT coalesce(sum(p.incomplete), 0)::bigint FROM standin_private.cdc_progress p WHERE p.source = s.source) AS incomplete,
       CASE WHEN c.paused THEN c.changed_by END AS paused_by, CASE WHEN c.paused THEN c.changed_at END AS paused_at,
       s.message_function AS message_function_name, s.signal_table AS signal_table_name, s.on_gap,
       w.recovered_at, w.blocked_by
FROM standin_private.cdc_source s
JOIN standin_private.kafka_consumer c ON c.consumer = s.source
LEFT JOIN LATERAL (SELECT * FROM standin_private.worker_status w WHERE w.kind = 'cdc' AND split_part(w.key, '/', 1) = s.source
                   ORDER BY w.state = 'running', w.key LIMIT 1) w ON true;
COMMENT ON VIEW standin.cdc_sources IS 'sources of change events and what their workers are doing: of several, one that is not running';
COMMENT ON COLUMN standin.cdc_sources.incomplete IS 'records let through after stall_timeout though their transaction was not whole (on_stall apply)';
COMMENT ON COLUMN standin.cdc_sources.message_function IS 'null if it was dropped or renamed, see message_function_name';
COMMENT ON COLUMN standin.cdc_sources.signal_table IS 'null if it was dropped or renamed, see signal_table_name';
COMMENT ON COLUMN standin.cdc_sources.paused_by IS 'who logged in and paused it (session_user); standin_owner: a worker, for too many dead letters';
COMMENT ON COLUMN standin.cdc_sources.pause_reason IS 'an operator''s, or that there were too many dead letters';
COMMENT ON COLUMN standin.cdc_sources.state IS 'idle (no tables), paused, connecting, running, troubled (a topic or partition cannot go on, the others do), disconnected, waiting and stalled (for what a transaction or a foreign key lacks), retrying (the world''s fault, the batch is tried again), blocked (the same, for a lock: detail names who holds it), done (a replay), or a word of stat_worker';
COMMENT ON COLUMN standin.cdc_sources.recovered_at IS 'when the worker went on after last_error: that is over; null: it has not yet, or nothing has failed';
COMMENT ON COLUMN standin.cdc_sources.blocked_by IS 'processes for whose locks the worker waits at this moment (0: a prepared transaction)';
COMMENT ON COLUMN standin.cdc_sources.memory_bytes IS 'resident memory of its workers together, now: records fetched and being applied, caches; shared memory is not counted';

CREATE VIEW standin.cdc_tables AS
SELECT t.source, t.topic, t.target, t.kind, coalesce(t.apply_role, pg_get_userbyid(c.relowner)) AS apply_role, t.on_truncate,
       t.schema_evolution, t.foreign_keys, t.row_filter, t.data_collection, t.created_at, t.created_by
FROM standin_private.cdc_table t LEFT JOIN pg_class c ON c.oid = t.target;
COMMENT ON VIEW standin.cdc_tables IS 'which topic is applied to which table, as whom';

CREATE VIEW standin.cdc_dead_letters AS
SELECT d.consumer AS source, d.topic, d.partition, d.record_offset, d.sqlstate, d.error, d.column_name,
       t.target, d.key, d.value, d.headers, d.redacted, d.record_at, d.attempts, d.created_at, d.last_attempt_at, d.superseded_by,
       standin_private.cdc_dead_letter_stale(d) AS stale, d.retry_at, d.retry_by, d.retry_force, d.restored_at, d.restored_by, d.hint
FROM standin_private.kafka_dead_letter d
LEFT JOIN standin_private.cdc_table t ON t.source = d.consumer AND t.topic = standin_private.cdc_topic_of(d.consumer, d.topic);
COMMENT ON VIEW standin.cdc_dead_letters IS 'records that could not be applied, and why; the stream went on past them';
COMMENT ON COLUMN standin.cdc_dead_letters.redacted IS 'confidential fields are hidden; a retry reads the record from Kafka again';
COMMENT ON COLUMN standin.cdc_dead_letters.headers IS 'array of {"key", "value"}, the value in base64';
COMMENT ON COLUMN standin.cdc_dead_letters.record_at IS 'the record''s time in Kafka';
COMMENT ON COLUMN standin.cdc_dead_letters.attempts IS 'how often it was tried; 1: never retried';
COMMENT ON COLUMN standin.cdc_dead_letters.superseded_by IS 'offset of a later record of the same key that was applied; null: none so far';
COMMENT ON COLUMN standin.cdc_dead_letters.stale IS 'why a retry must be forced: it might bring old values back; null: it need not';
COMMENT ON COLUMN standin.cdc_dead_letters.hint IS 'what would mend it, where that is known';
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
       d.redacted, d.record_at, d.attempts, d.created_at, d.last_attempt_at, d.superseded_by, d.discarded_at, d.discarded_by, d.reason,
       d.restored_at, d.restored_by, d.hint
FROM standin_private.kafka_dead_letter_discarded d;
COMMENT ON VIEW standin.cdc_dead_letters_discarded IS 'dead letters that were given up: by whom, when, why; and taken back (cdc_dead_letter_restore), by whom and when';

-- What is not known is null: a worker that does not read cannot know where the end is by now. One that waits in the midst of a
-- batch knew it when it began or failed last.
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
       standin_private.process_memory(w.pid) AS memory_bytes,
       (SELECT count(*) FROM standin_private.cdc_gap g WHERE g.source = t.source AND g.state IN ('open', 'snapshot_requested')) AS gaps_open,
       w.end_seen_at, w.recovered_at, w.blocked_by
FROM standin_private.cdc_table t
LEFT JOIN standin_private.kafka_offset o ON o.consumer = t.source AND standin_private.cdc_topic_of(t.source, o.topic) = t.topic
LEFT JOIN standin_private.cdc_progress p ON p.source = o.consumer AND p.topic = o.topic AND p.partition = o.partition
JOIN standin_private.cdc_source s ON s.source = t.source
LEFT JOIN standin_private.worker_status w ON w.kind = 'cdc'
    AND w.key = standin_private.cdc_worker_key(s.source, standin_private.cdc_worker_of(coalesce(o.topic, t.topic), coalesce(o.partition, 0), s.workers))
CROSS JOIN LATERAL (SELECT o.end_offset IS NOT NULL AND o.seek_at IS NULL AND w.end_seen_at IS NOT NULL
                           AND w.state IN ('running', 'troubled', 'waiting', 'stalled', 'retrying', 'blocked') AS now) seen;
COMMENT ON VIEW standin.stat_cdc IS 'progress of each partition; no partition yet while the topic was never reached';
COMMENT ON COLUMN standin.stat_cdc.next_offset IS 'the next record to apply; all before it are in the table or in cdc_dead_letters';
COMMENT ON COLUMN standin.stat_cdc.end_offset IS 'the end of the partition at end_seen_at';
COMMENT ON COLUMN standin.stat_cdc.end_seen_at IS 'when the worker last knew how far its partitions go: what came to Kafka later is not in end_offset and lag. Seconds ago while it works; longer ago while one transaction lasts';
COMMENT ON COLUMN standin.stat_cdc.last_error IS 'what went wrong last, whether it is over or not: see recovered_at';
COMMENT ON COLUMN standin.stat_cdc.recovered_at IS 'when the worker went on after last_error: that is over; null: it has not yet, or nothing has failed';
COMMENT ON COLUMN standin.stat_cdc.blocked_by IS 'processes for whose locks the worker waits at this moment (0: a prepared transaction)';
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
COMMENT ON COLUMN standin.stat_cdc.gaps_open IS 'transactions of which the source''s connector lost events, in cdc_gaps and not known to be mended; of the whole source, in each of its rows';

-- Each record is counted once, by what became of it.
CREATE VIEW standin.stat_cdc_records AS
SELECT c.source, c.topic, c.partition, c.records, c.applied, c.duplicates, c.filtered, c.ignored, c.dead_letters,
       c.records - c.applied - c.duplicates - c.filtered - c.ignored - c.dead_letters AS unaccounted
FROM (SELECT p.source, p.topic, p.partition, p.records, p.reads + p.inserts + p.updates + p.deletes + p.truncates + p.messages AS applied,
             p.duplicates, p.filtered, p.ignored, p.dead_letters
      FROM standin_private.cdc_progress p) c;
COMMENT ON VIEW standin.stat_cdc_records IS 'what became of the records of each partition: records = applied + duplicates + filtered + ignored + dead_letters';
COMMENT ON COLUMN standin.stat_cdc_records.records IS 'taken from Kafka, and dead letters that a retry applied';
COMMENT ON COLUMN standin.stat_cdc_records.applied IS 'rows, truncates and logical messages, retried dead letters among them';
COMMENT ON COLUMN standin.stat_cdc_records.dead_letters IS 'records that became dead letters when they came, whatever became of those';
COMMENT ON COLUMN standin.stat_cdc_records.unaccounted IS '0, or a record went unseen';
