-- Signals to Debezium. SQL only writes down what is to be said; the source's worker says it.
CREATE FUNCTION standin_private.cdc_signal_check(source text, signal_table regclass, caller name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_name name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = signal_table);
BEGIN
    IF owner_name IS NULL THEN
        RAISE EXCEPTION 'signal_table of source "%" does not exist any more', source USING ERRCODE = 'undefined_table';
    ELSIF NOT pg_has_role(caller, owner_name, 'USAGE') AND NOT has_table_privilege(caller, signal_table, 'INSERT') THEN
        RAISE EXCEPTION 'permission denied for table %', signal_table USING ERRCODE = 'insufficient_privilege',
            HINT = format('GRANT INSERT ON %s TO %I;', signal_table, caller);
    END IF;
    PERFORM standin_private.user_role_require(owner_name, 'signals are never written as');
END $$;
COMMENT ON FUNCTION standin_private.cdc_signal_check(text, regclass, name) IS 'raises 42501 unless the caller may insert into the table, as whose owner the worker will';

CREATE FUNCTION standin_private.cdc_snapshot_ask(s standin_private.cdc_source, topic text, additional_condition text, snapshot_type text,
    topic_prefix text, asked_by name)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_topic text;
    collection text;
    refusal text := standin_private.instance_refusal();
    made standin_private.cdc_signal;
BEGIN
    IF s.signal_topic IS NULL AND s.signal_table IS NULL THEN
        RAISE EXCEPTION 'source "%" has no way to signal its connector', s.source USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Give it the connector''s signal table or signal topic: standin.cdc_source_alter(..., signal_table => ...) or (..., signal_topic => ...).';
    ELSIF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'this server is not the instance that may speak to the outside' USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = refusal, HINT = 'If the original is gone for good, call standin.instance_adopt(reason).';
    END IF;
    -- A topic is <topic.prefix>.<data collection>; either names the table.
    SELECT t.topic, t.data_collection INTO found_topic, collection FROM (
        SELECT c.topic, coalesce(c.data_collection, substr(c.topic, strpos(c.topic, '.') + 1)) AS data_collection, 1 AS rank
        FROM standin_private.cdc_table c WHERE c.source = s.source AND c.topic NOT LIKE '^%'
        UNION ALL
        SELECT o.topic, substr(o.topic, strpos(o.topic, '.') + 1), 2
        FROM standin_private.kafka_offset o WHERE o.consumer = s.source AND o.topic IS DISTINCT FROM s.transaction_topic) t
    WHERE cdc_snapshot_ask.topic IN (t.topic, t.data_collection) ORDER BY t.topic <> cdc_snapshot_ask.topic, t.rank LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic or data collection "%"', s.source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    END IF;
    IF s.signal_table IS NOT NULL THEN
        PERFORM standin_private.cdc_signal_check(s.source, standin_private.table_named(s.signal_table), asked_by);
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
    VALUES (made.signal_id, s.source, 'execute-snapshot', made.data, s.signal_table,
            CASE WHEN s.signal_table IS NULL THEN s.signal_topic END, made.key, asked_by);
    RETURN made.signal_id;
END $$;
COMMENT ON FUNCTION standin_private.cdc_snapshot_ask(standin_private.cdc_source, text, text, text, text, name) IS 'writes down the signal for a snapshot of one table, as standin.cdc_snapshot says';

CREATE FUNCTION standin.cdc_snapshot(source text, topic text, additional_condition text DEFAULT NULL,
    snapshot_type text DEFAULT 'incremental', topic_prefix text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
BEGIN
    PERFORM standin_private.cdc_source_check(source),
            standin_private.value_require('snapshot_type', snapshot_type, 'incremental', 'blocking');
    SELECT * INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_snapshot.source;
    RETURN standin_private.cdc_snapshot_ask(s, topic, additional_condition, snapshot_type, topic_prefix, standin_private.caller());
END $$;
COMMENT ON FUNCTION standin.cdc_snapshot(text, text, text, text, text) IS 'asks the connector to read one table again (Debezium''s signal execute-snapshot), named by its topic or data collection, all of it or the rows that match the condition, which is SQL of the source. Sent after commit by the source''s worker, into the source''s signal_table as that table''s owner, else to its signal_topic; standin.cdc_signals shows when. topic_prefix is the connector''s topic.prefix, where that is not what precedes the data collection in the topic. Returns the signal''s id. Errors: 42704 unknown source or table, 55000 no way to signal or not the instance that may, 42501 no INSERT on the signal table, 22023 unknown type';

CREATE VIEW standin.cdc_signals AS
SELECT s.signal_id, s.source, s.type, s.data, standin_private.table_named(s.signal_table) AS signal_table, s.signal_topic, s.key,
       CASE WHEN s.sent_at IS NOT NULL THEN 'sent' WHEN s.error IS NOT NULL THEN 'failing' ELSE 'pending' END AS state,
       s.attempts, s.error, s.created_at, s.created_by, s.sent_at, s.signal_table AS signal_table_name
FROM standin_private.cdc_signal s;
COMMENT ON VIEW standin.cdc_signals IS 'signals to connectors, and whether they were sent; what a connector made of one, only its own log and notifications say';
COMMENT ON COLUMN standin.cdc_signals.state IS 'pending, failing (tried again, error says why) or sent';
COMMENT ON COLUMN standin.cdc_signals.key IS 'topic.prefix of the connector';
