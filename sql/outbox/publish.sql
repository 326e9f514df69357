CREATE FUNCTION standin.outbox_publish(topic text, key text, payload text, headers jsonb DEFAULT '{}', event_id uuid DEFAULT NULL,
    event_type text DEFAULT NULL, partition integer DEFAULT NULL) RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_outbox_publish_text';
CREATE FUNCTION standin.outbox_publish(topic text, key text, payload jsonb, headers jsonb DEFAULT '{}', event_id uuid DEFAULT NULL,
    event_type text DEFAULT NULL, partition integer DEFAULT NULL) RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_outbox_publish_jsonb';
CREATE FUNCTION standin.outbox_publish(topic text, key text, payload bytea, headers jsonb DEFAULT '{}', event_id uuid DEFAULT NULL,
    event_type text DEFAULT NULL, partition integer DEFAULT NULL) RETURNS uuid
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_outbox_publish_bytea';
DO $$
DECLARE
    payload text;
BEGIN
    FOREACH payload IN ARRAY ARRAY['text', 'jsonb', 'bytea'] LOOP
        EXECUTE format('COMMENT ON FUNCTION standin.outbox_publish(text, text, %s, jsonb, uuid, text, integer) IS %L', payload,
            'an event of this transaction: becomes a record in Kafka, exactly once, if the transaction commits, and never if it does not. All events of a transaction appear together, transactions in the order of their commits. key: null for none; payload: null is a tombstone, which needs a key; headers: an object of texts, numbers, booleans and nulls; the record has besides them id (event_id, made if null) and eventType; partition: null lets the key decide, as Kafka''s Java client does. Returns the event''s id. Errors: 42704 the topic is not published to, 42501 it is not granted to the caller, 54000 larger than the topic takes or too much for one transaction, 0A000 topics of two relays in one transaction, 22004 no topic, or neither key nor payload, 22023 headers that are no such object, an empty key, a negative partition, 23505 an event_id that waits already, 53400 the relay is full, 25006 a read-only transaction, 55000 the server is not adopted; at PREPARE TRANSACTION 0A000');
    END LOOP;
END $$;

CREATE FUNCTION standin_private.outbox_close() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_outbox_close';
COMMENT ON FUNCTION standin_private.outbox_close() IS 'until the end of this transaction no other that has published commits';

-- Once the relay has looked at what blocks it, it waits: so the event is neither on its way nor sent.
CREATE FUNCTION standin.outbox_event_discard(event_id uuid, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    place standin_private.outbox_commit;
    gone standin_private.outbox_message;
BEGIN
    PERFORM standin_private.argument_require('event_id', outbox_event_discard.event_id::text), standin_private.caller();
    IF coalesce(trim(outbox_event_discard.reason), '') = '' THEN
        RAISE EXCEPTION 'to discard an event needs a reason' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say who knows what it said, and what was done about it.';
    END IF;
    FOR attempt IN 1 .. 40 LOOP -- the relay looks now and then whether Kafka takes it after all
        PERFORM FROM standin_private.outbox_progress p WHERE p.blocked_event = outbox_event_discard.event_id FOR UPDATE;
        EXIT WHEN FOUND OR NOT EXISTS (SELECT FROM standin_private.outbox_message m WHERE m.event_id = outbox_event_discard.event_id);
        PERFORM pg_sleep(0.05);
    END LOOP;
    IF NOT EXISTS (SELECT FROM standin_private.outbox_progress p WHERE p.blocked_event = outbox_event_discard.event_id) THEN
        RAISE EXCEPTION 'event % does not block its relay', outbox_event_discard.event_id USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Only what Kafka does not take can be discarded: standin.stat_outbox names it.';
    END IF;
    DELETE FROM standin_private.outbox_message m WHERE m.event_id = outbox_event_discard.event_id RETURNING * INTO STRICT gone;
    UPDATE standin_private.outbox_commit c
    SET messages = c.messages - 1, bytes = greatest(c.bytes - coalesce(octet_length(gone.key), 0) - coalesce(octet_length(gone.payload), 0), 0)
    WHERE c.batch = gone.batch RETURNING * INTO STRICT place;
    INSERT INTO standin_private.outbox_discarded (relay, timeline, seq, event_id, topic, key, payload, headers, event_type, partition,
                                                  discarded_at, discarded_by, reason)
    VALUES (place.relay, place.timeline, place.seq, gone.event_id, gone.topic, gone.key, gone.payload, gone.headers, gone.event_type,
            gone.partition, standin_private.clock_now(), session_user, outbox_event_discard.reason);
    UPDATE standin_private.outbox_progress p SET blocked_event = NULL WHERE p.blocked_event = outbox_event_discard.event_id;
    PERFORM standin_private.wake('outbox');
    PERFORM standin_private.log_at_commit(format('event %s for topic "%s" was discarded by %s: %s', gone.event_id, gone.topic, session_user,
                                                 outbox_event_discard.reason));
END $$;
COMMENT ON FUNCTION standin.outbox_event_discard(uuid, text) IS 'gives up the event that blocks its relay; the rest of its transaction is sent. It stays in standin.outbox_discarded. Errors: 22004 no event, 22023 no reason, 55000 it does not block its relay';
