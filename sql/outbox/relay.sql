CREATE FUNCTION standin_private.outbox_relay_require(relay text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('relay', relay), standin_private.caller();
    PERFORM FROM standin_private.outbox_relay r WHERE r.relay = outbox_relay_require.relay FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'relay "%" does not exist', relay USING ERRCODE = 'undefined_object', HINT = 'The view standin.outbox_relays lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.outbox_relay_require(text) IS 'locks a relay; raises 42704 if there is none of that name';

CREATE FUNCTION standin_private.outbox_relay_validate(r standin_private.outbox_relay) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF r.relay !~ '^[A-Za-z0-9._-]{1,100}$' THEN
        RAISE EXCEPTION 'invalid name of a relay: "%"', r.relay USING ERRCODE = 'invalid_name',
            HINT = 'Use up to 100 letters, digits, dots, dashes and underscores.';
    ELSIF r.server IS NULL THEN
        RAISE EXCEPTION 'relay "%" has no server', r.relay USING ERRCODE = 'null_value_not_allowed', HINT = 'Give a server of standin_kafka.';
    END IF;
    PERFORM standin_private.kafka_server_require(r.server);
    IF EXISTS (SELECT FROM standin_private.outbox_relay o WHERE o.relay <> r.relay AND o.server = r.server AND o.mark_topic = r.mark_topic) THEN
        RAISE EXCEPTION 'another relay has the mark topic "%"', r.mark_topic USING ERRCODE = 'duplicate_object', HINT = 'Give each relay a topic of its own.';
    ELSIF EXISTS (SELECT FROM standin_private.outbox_topic t WHERE t.topic = r.mark_topic) THEN
        RAISE EXCEPTION 'topic "%" is published to', r.mark_topic USING ERRCODE = 'invalid_parameter_value', HINT = 'Give each relay a mark topic of its own.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.outbox_relay_validate IS 'an error if the options of a relay contradict each other, or name what does not exist';

CREATE FUNCTION standin_private.outbox_relay_write(relay text, given jsonb, make boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before standin_private.outbox_relay;
BEGIN
    PERFORM standin_private.caller(), standin_private.argument_require('relay', outbox_relay_write.relay);
    SELECT * INTO before FROM standin_private.outbox_relay r WHERE r.relay = outbox_relay_write.relay;
    IF before.relay IS NULL THEN
        given := jsonb_build_object('mark_topic', 'standin.outbox.' || outbox_relay_write.relay) || given;
    ELSIF given ->> 'mark_topic' <> before.mark_topic OR given ->> 'server' <> before.server THEN
        IF EXISTS (SELECT FROM standin_private.outbox_claim c WHERE c.relay = before.relay AND c.marked) THEN
            RAISE EXCEPTION 'relay "%" has marks in topic "%" of server "%"', before.relay, before.mark_topic, before.server
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      DETAIL = 'Elsewhere nothing tells it what was sent.',
                      HINT = 'Change the options of the server, or drop the relay when nothing waits and create it again.';
        END IF;
    END IF;
    PERFORM standin_private.instance_bind_first();
    PERFORM standin_private.option_write('relay', jsonb_build_object('relay', outbox_relay_write.relay), given, make,
        jsonb_build_object('changed_at', standin_private.clock_now(), 'changed_by', standin_private.caller())
        || CASE WHEN before.relay IS NULL THEN '{"paused": false}' ELSE '{}' END::jsonb);
    INSERT INTO standin_private.outbox_progress (relay) VALUES (outbox_relay_write.relay) ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION standin_private.outbox_relay_write IS 'makes a relay (make), alters it (not make), or whichever is right (null)';

CREATE FUNCTION standin.outbox_relay_create(
    relay text, server name, mark_topic text DEFAULT NULL, batch_records integer DEFAULT NULL, max_rows bigint DEFAULT NULL,
    max_bytes bigint DEFAULT NULL, on_full text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_write(relay, standin_private.option_given(jsonb_build_object('server', server, 'mark_topic', mark_topic,
        'batch_records', batch_records, 'max_rows', max_rows, 'max_bytes', max_bytes, 'on_full', on_full)), true);
END $$;
COMMENT ON FUNCTION standin.outbox_relay_create IS 'makes a relay: a worker that sends what transactions publish to the Kafka cluster of a server of standin_kafka, exactly once. mark_topic, by default standin.outbox.<relay>: where it writes, in the same Kafka transactions, how far it is. max_rows and max_bytes: what may wait. Errors: 42710 exists, or a mark topic that another relay has; 42704 unknown server; 42501 no USAGE on it; 22023 an option out of range';

CREATE FUNCTION standin.outbox_relay_alter(
    relay text, server name DEFAULT NULL, mark_topic text DEFAULT NULL, batch_records integer DEFAULT NULL, max_rows bigint DEFAULT NULL,
    max_bytes bigint DEFAULT NULL, on_full text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_write(relay, standin_private.option_given(jsonb_build_object('server', server, 'mark_topic', mark_topic,
        'batch_records', batch_records, 'max_rows', max_rows, 'max_bytes', max_bytes, 'on_full', on_full)), false);
END $$;
COMMENT ON FUNCTION standin.outbox_relay_alter IS 'changes what is given of a relay. Errors: 42704 unknown relay or server; 42501 no USAGE on the server; 55000 another server or mark topic once it has a mark; 22023 an option out of range';

CREATE FUNCTION standin.outbox_relay_define(
    relay text, server name, mark_topic text DEFAULT NULL, batch_records integer DEFAULT NULL, max_rows bigint DEFAULT NULL,
    max_bytes bigint DEFAULT NULL, on_full text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_write(relay, standin_private.option_given(jsonb_build_object('server', server, 'mark_topic', mark_topic,
        'batch_records', batch_records, 'max_rows', max_rows, 'max_bytes', max_bytes, 'on_full', on_full)), NULL);
END $$;
COMMENT ON FUNCTION standin.outbox_relay_define IS 'outbox_relay_create, or outbox_relay_alter if the relay exists. Errors: theirs';

CREATE FUNCTION standin.outbox_relay_reset(relay text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_write(relay, standin_private.option_defaults('relay', option), false);
END $$;
COMMENT ON FUNCTION standin.outbox_relay_reset(text, text[]) IS 'brings options of a relay back to their defaults. Errors: 42704 unknown relay or option, 22023 an option that has no default';

CREATE FUNCTION standin.outbox_relay_pause(relay text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_require(relay);
    UPDATE standin_private.outbox_relay r
    SET paused = true, pause_reason = reason, changed_at = standin_private.clock_now(), changed_by = session_user
    WHERE r.relay = outbox_relay_pause.relay;
    PERFORM standin_private.log_at_commit(format('relay "%s" was paused by %s%s', relay, session_user, coalesce(': ' || reason, '')));
END $$;
COMMENT ON FUNCTION standin.outbox_relay_pause(text, text) IS 'nothing more is sent, from the commit on but for the Kafka transaction that is under way, until outbox_relay_resume; what is published waits. Errors: 42704 unknown relay';

CREATE FUNCTION standin.outbox_relay_resume(relay text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_require(relay);
    UPDATE standin_private.outbox_relay r
    SET paused = false, pause_reason = NULL, changed_at = standin_private.clock_now(), changed_by = session_user
    WHERE r.relay = outbox_relay_resume.relay;
    PERFORM standin_private.log_at_commit(format('relay "%s" was resumed by %s', relay, session_user));
END $$;
COMMENT ON FUNCTION standin.outbox_relay_resume(text) IS 'goes on sending after outbox_relay_pause. Errors: 42704 unknown relay';

-- Whoever has published and not committed holds a lock on the table of messages: so none is left without a relay.
CREATE FUNCTION standin_private.outbox_publishers_wait() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    LOCK TABLE standin_private.outbox_message IN SHARE ROW EXCLUSIVE MODE;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'transactions are publishing' USING ERRCODE = 'lock_not_available',
        HINT = 'What they publish must have a relay. Try again when they have ended.';
END $$;
COMMENT ON FUNCTION standin_private.outbox_publishers_wait() IS 'until the end of this transaction nobody publishes; raises 55P03 if a transaction that has published does not end within 2 s';

CREATE FUNCTION standin.outbox_relay_drop(relay text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_require(relay), standin_private.foreign_keys_enforce();
    IF EXISTS (SELECT FROM standin_private.outbox_topic t WHERE t.relay = outbox_relay_drop.relay) THEN
        RAISE EXCEPTION 'relay "%" cannot be dropped because topics depend on it', relay USING ERRCODE = 'object_in_use',
            HINT = 'Drop them with standin.outbox_topic_drop; standin.outbox_topics lists them.';
    END IF;
    PERFORM standin_private.outbox_publishers_wait();
    IF EXISTS (SELECT FROM standin_private.outbox_commit c WHERE c.relay = outbox_relay_drop.relay) THEN
        RAISE EXCEPTION 'relay "%" cannot be dropped because events wait for it', relay USING ERRCODE = 'object_in_use',
            HINT = 'The view standin.outbox_queue shows them.';
    END IF;
    DELETE FROM standin_private.outbox_relay r WHERE r.relay = outbox_relay_drop.relay;
END $$;
COMMENT ON FUNCTION standin.outbox_relay_drop(text) IS 'takes a relay away; its mark in Kafka stays, and stops a relay of the same name (fenced) until that is adopted, or has another mark topic. Errors: 42704 unknown relay, 55006 topics or events depend on it, 55P03 somebody is publishing';

CREATE FUNCTION standin.outbox_relay_adopt(relay text, choice text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_relay_require(relay), standin_private.value_require('choice', choice, 'from_mark', 'from_here');
    IF coalesce(trim(reason), '') = '' THEN
        RAISE EXCEPTION 'an adoption needs a reason' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say why no other server will ever send for this relay again.';
    END IF;
    PERFORM standin_private.instance_require();
    IF NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.kind = 'relay' AND w.key = relay AND w.state IN ('fenced', 'diverged')) THEN
        RAISE EXCEPTION 'relay "%" is neither fenced nor diverged', relay USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'The view standin.stat_outbox shows its state.';
    END IF;
    INSERT INTO standin_private.outbox_adoption (relay, choice, reason, adopted_by, adopted_at, made_for)
    SELECT p.relay, outbox_relay_adopt.choice, outbox_relay_adopt.reason, session_user, standin_private.clock_now(), p.mark_found
    FROM standin_private.outbox_progress p WHERE p.relay = outbox_relay_adopt.relay;
    PERFORM standin_private.log_at_commit(format('relay "%s" was adopted (%s) by %s: %s', relay, choice, session_user, reason));
END $$;
COMMENT ON FUNCTION standin.outbox_relay_adopt(text, text, text) IS 'lets a fenced or diverged relay go on from here: from_mark takes what waits here up to the mark in Kafka, and committed no later than the mark was made, for sent: it goes to standin.outbox_discarded; from_here sends all that waits here, whatever Kafka has. Errors: 42704 unknown relay, 55000 it is neither, or the server is not adopted, 22023 no such choice, no reason';
